//! What a folder of images holds: splits, classes and files, in the order of their names' bytes.

use super::stem;
use crate::{Error, Reading, Result, Split, formats::files};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

/// Names of folders that are splits, in the order in which they are read.
const SPLITS: [&str; 5] = ["train", "val", "valid", "validation", "test"];
/// Extensions of images that are taken.
const TAKEN: [&str; 10] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "tif", "tiff", "webp",
];
/// Extensions of images that are not taken, and must not be left out without a word.
const FOREIGN: [&str; 12] = [
    "gif", "apng", "ppm", "pgm", "pbm", "pnm", "heic", "heif", "avif", "jxl", "jp2", "tga",
];
/// Levels of folders that are looked at for an image before a folder counts as another thing.
const LOOK: usize = 4;

/// Whether a name that ends in this extension is an image that is taken.
pub(super) fn is_image_extension(extension: &str) -> bool {
    TAKEN.iter().any(|e| e.eq_ignore_ascii_case(extension))
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, end)| end)
}

/// The files of a folder. Paths lie one behind the other in one text, so a million of them cost
/// little more than their letters.
#[derive(Debug, Default)]
pub(super) struct Listing {
    text: String,
    ends: Vec<usize>,
    /// Class of each file.
    pub(super) labels: Vec<u32>,
    pub(super) classes: Vec<String>,
    pub(super) labelled: bool,
    /// Whether the folder has splits.
    pub(super) has_splits: bool,
    names: Vec<String>,
    starts: Vec<usize>,
    /// Files left out, with the reason.
    pub(super) skipped: Vec<(PathBuf, String)>,
}

/// What one folder holds directly.
#[derive(Default)]
struct Scan {
    folders: Vec<String>,
    images: Vec<String>,
    /// What looks like an image or a folder but is not taken.
    odd: Vec<(PathBuf, String)>,
}

impl Listing {
    /// Lists `root`.
    pub(super) fn of(root: &Path, reading: &Reading) -> Result<Self> {
        let mut all = Self::default();
        let top = all.scan(root, "", reading)?;
        let is_split = |name: &String| SPLITS.contains(&name.as_str());
        let has_train = top.folders.iter().any(|f| f == "train");
        all.has_splits = has_train || (!top.folders.is_empty() && top.folders.iter().all(is_split));
        if all.has_splits {
            if let Some(other) = top.folders.iter().find(|f| !is_split(f)) {
                let problem = format!("stands beside {}; it is no split, move it away", SPLITS[0]);
                return Err(Error::input(&root.join(other), problem));
            }
            refuse_loose(root, &top)?;
            let splits = SPLITS.into_iter().filter(|s| top.folders.iter().any(|f| f == s));
            let mut scans = Vec::new();
            for split in splits {
                scans.push((split.to_owned(), all.scan(root, split, reading)?));
            }
            all.add_splits(root, scans, reading)?;
        } else {
            all.add_splits(root, vec![(String::new(), top)], reading)?;
        }
        if all.len() == 0 {
            return Err(Error::input(root, "holds no images"));
        }
        files::check_count(root, all.len() as u64, reading.limits.samples)?;
        all.refuse_twins(root)?;
        Ok(all)
    }

    /// Number of files.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Relative path of file `i`.
    pub(super) fn name(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.text[start..self.ends[i]]
    }

    /// First file of a split.
    pub(super) fn start(&self, split: usize) -> usize {
        self.starts[split]
    }

    /// The splits and their counts.
    pub(super) fn splits(&self) -> Vec<Split> {
        let ends = self.starts.iter().skip(1).copied().chain([self.len()]);
        let counts = self
            .starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| (end - start) as u64);
        self.names
            .iter()
            .zip(counts)
            .map(|(name, count)| Split {
                name: name.clone(),
                count,
            })
            .collect()
    }

    /// A digest over names, sizes and times.
    pub(super) fn signature(&self, root: &Path) -> Result<String> {
        let metas: Vec<_> = (0..self.len())
            .into_par_iter()
            .map(|i| {
                let path = root.join(self.name(i));
                fs::symlink_metadata(&path).map_err(|e| Error::input(&path, e))
            })
            .collect::<Result<_>>()?;
        let mut hasher = blake3::Hasher::new();
        for (i, meta) in metas.iter().enumerate() {
            files::sign(&mut hasher, self.name(i), meta);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Scans one folder; odd entries end the run or are left out.
    fn scan(&mut self, root: &Path, relative: &str, reading: &Reading) -> Result<Scan> {
        let folder = root.join(relative);
        let mut scan = scan(&folder).map_err(|e| Error::input(&folder, e))?;
        for (path, problem) in scan.odd.drain(..) {
            if !reading.skip_bad {
                return Err(Error::Input { path, problem });
            }
            let below = path.strip_prefix(root).unwrap_or(&path);
            self.skipped.push((below.into(), problem));
        }
        Ok(scan)
    }

    /// Adds all splits; classes are those of all of them.
    fn add_splits(&mut self, root: &Path, scans: Vec<(String, Scan)>, reading: &Reading) -> Result<()> {
        self.labelled = scans.iter().any(|(_, scan)| !scan.folders.is_empty());
        let mut classes: Vec<String> = scans
            .iter()
            .flat_map(|(_, s)| s.folders.iter().cloned())
            .collect();
        classes.sort();
        classes.dedup();
        refuse_case_twins(root, &classes)?;
        let mut empty = Vec::new();
        for (split, scan) in scans {
            self.starts.push(self.len());
            let name = if split.is_empty() { "data" } else { &split };
            self.names.push(name.into());
            if !self.labelled {
                self.add_files(&split, scan.images, 0);
                continue;
            }
            refuse_loose(&root.join(&split), &scan)?;
            for (number, class) in classes.iter().enumerate() {
                let before = self.len();
                let folder = join(&split, class);
                if scan.folders.binary_search(class).is_ok() {
                    self.add_class(root, folder.clone(), number as u32, reading)?;
                }
                if self.len() == before {
                    empty.push(folder);
                }
            }
        }
        self.classes = classes;
        if empty.is_empty() || reading.allow_empty || self.len() == 0 {
            return Ok(());
        }
        let more = if empty.len() > 5 {
            format!(" and {} more", empty.len() - 5)
        } else {
            String::new()
        };
        let shown = empty[..empty.len().min(5)].join(", ");
        let problem = format!("classes without images: {shown}{more}; run with --allow-empty to keep them");
        Err(Error::input(root, problem))
    }

    /// Adds the images of a class, sub-folders included, folder by folder in the order of their paths.
    fn add_class(&mut self, root: &Path, class: String, label: u32, reading: &Reading) -> Result<()> {
        let mut found = Vec::new();
        let mut open = vec![class];
        while let Some(folder) = open.pop() {
            let scan = self.scan(root, &folder, reading)?;
            open.extend(scan.folders.iter().map(|f| join(&folder, f)));
            found.push((folder, scan.images));
        }
        found.sort();
        for (folder, images) in found {
            self.add_files(&folder, images, label);
        }
        Ok(())
    }

    fn add_files(&mut self, folder: &str, images: Vec<String>, label: u32) {
        for image in images {
            self.text.push_str(folder);
            if !folder.is_empty() {
                self.text.push('/');
            }
            self.text.push_str(&image);
            self.ends.push(self.text.len());
            self.labels.push(label);
        }
    }

    /// A file in `range` and another whose name is that of one of its copies, but for the extension and
    /// case, if there are such.
    pub(super) fn copy_twin(&self, range: Range<usize>, copies: u64) -> Option<(&str, &str)> {
        let numbered = |i: usize| {
            let (base, number) = stem(self.name(i)).rsplit_once('.')?;
            let copy: u64 = number.parse().ok()?;
            // Copies are numbered without signs and leading zeros.
            ((2..=copies).contains(&copy) && copy.to_string() == number).then(|| (base.to_lowercase(), i))
        };
        let bases: HashMap<String, usize> = range.clone().filter_map(numbered).collect();
        if bases.is_empty() {
            return None;
        }
        range
            .filter_map(|i| Some((i, *bases.get(&stem(self.name(i)).to_lowercase())?)))
            .map(|(i, twin)| (self.name(i), self.name(twin)))
            .next()
    }

    /// Refuses files whose outputs would have one name, or names that differ in case alone.
    fn refuse_twins(&self, root: &Path) -> Result<()> {
        let folded = |i: usize| stem(self.name(i)).to_lowercase();
        let mut keys: Vec<(u64, usize)> = (0..self.len())
            .into_par_iter()
            .map(|i| {
                let hash = blake3::hash(folded(i).as_bytes());
                let first: [u8; 8] = std::array::from_fn(|k| hash.as_bytes()[k]);
                (u64::from_le_bytes(first), i)
            })
            .collect();
        keys.par_sort_unstable();
        let twins = keys
            .windows(2)
            .find(|w| w[0].0 == w[1].0 && folded(w[0].1) == folded(w[1].1));
        let Some(&[(_, a), (_, b)]) = twins else {
            return Ok(());
        };
        let problem = format!(
            "would be written under the same name as {} (extensions become .png or .jpg, and case \
             does not count everywhere); rename one of them",
            self.name(a)
        );
        Err(Error::input(&root.join(self.name(b)), problem))
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.into()
    } else {
        format!("{folder}/{name}")
    }
}

/// Refuses images that lie beside folders of classes or splits.
fn refuse_loose(folder: &Path, scan: &Scan) -> Result<()> {
    match scan.images.first() {
        Some(name) => {
            let problem = "lies beside the folders of the classes; move it into one, or away";
            Err(Error::input(&folder.join(name), problem))
        }
        None => Ok(()),
    }
}

fn refuse_case_twins(root: &Path, classes: &[String]) -> Result<()> {
    let mut folded: Vec<_> = classes.iter().map(|c| (c.to_lowercase(), c)).collect();
    folded.sort();
    match folded.windows(2).find(|w| w[0].0 == w[1].0) {
        Some(w) => {
            let problem = format!("differs from the class {} in case alone; rename one", w[0].1);
            Err(Error::input(&root.join(w[1].1), problem))
        }
        None => Ok(()),
    }
}

/// Reads one folder without following links, sorted.
fn scan(folder: &Path) -> io::Result<Scan> {
    let mut scan = Scan::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let raw = entry.file_name();
        let name = raw.to_string_lossy();
        if name.starts_with('.') || name == "__MACOSX" {
            continue;
        }
        let kind = entry.file_type()?;
        let end = extension(&name);
        let foreign = FOREIGN.iter().any(|e| e.eq_ignore_ascii_case(end));
        let image = is_image_extension(end) || foreign;
        // A link without an image's extension may stand for a class.
        let relevant = image || kind.is_dir() || (kind.is_symlink() && end.is_empty());
        if !relevant {
            continue;
        }
        let problem = if raw.to_str().is_none() {
            Some("its name is not UTF-8, and the manifest could not say it; rename it".into())
        } else if kind.is_symlink() {
            Some("a symbolic link, and those are not followed; put the file itself there".into())
        } else if kind.is_dir() {
            scan.folders.push(name.into_owned());
            continue;
        } else if !kind.is_file() {
            Some("not a regular file; take it away".into())
        } else if foreign {
            Some(format!(
                "{end} images are not taken; convert it to PNG, or take it away"
            ))
        } else {
            scan.images.push(name.into_owned());
            None
        };
        scan.odd.extend(problem.map(|p| (entry.path(), p)));
    }
    scan.folders.sort();
    scan.images.sort();
    scan.odd.sort();
    Ok(scan)
}

/// Whether there is an image in the folder or not far below it.
pub(super) fn has_images(root: &Path) -> bool {
    let mut level = vec![root.to_path_buf()];
    for _ in 0..LOOK {
        let mut next = Vec::new();
        for folder in level {
            let Ok(scan) = scan(&folder) else {
                continue;
            };
            if !scan.images.is_empty() || !scan.odd.is_empty() {
                return true;
            }
            next.extend(scan.folders.into_iter().map(|f| folder.join(f)));
        }
        level = next;
    }
    false
}
