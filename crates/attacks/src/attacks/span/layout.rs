//! Which values of a disguised image go with which of the plain one.

use visard_core::{Grid, Shape, params::Params};

/// What is combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Auto,
    Image,
    Position,
    Shared,
}

impl Scope {
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "image" => Self::Image,
            "position" => Self::Position,
            "shared" => Self::Shared,
            _ => Self::Auto,
        }
    }
}

/// Pieces of one group: indices of values, all pieces of equal length.
pub(super) type Pieces = Vec<Vec<u32>>;

/// Groups of pieces that are transformed alike: piece k of input group i comes from piece k of target group
/// i, or of another one where the blocks are moved.
pub(super) struct Layout {
    /// Values of a disguised image.
    pub(super) inputs: Vec<Pieces>,
    /// Values of a plain image; those beyond its border are the ones that are repeated there.
    pub(super) targets: Vec<Pieces>,
    /// Whether the order of the groups is secret.
    pub(super) moved: bool,
}

/// What is public about the pieces that a scheme works on.
struct Geometry {
    block: usize,
    /// Whether the rows of each channel of a block are transformed alike, each on its own.
    rows: bool,
    moved: bool,
    /// Whether all positions have one key.
    one_key: bool,
}

fn geometry(scheme: &str, params: &Params, plain: Shape) -> Option<Geometry> {
    let (block, moved) = (params.int("block") as usize, params.bool("shuffle"));
    let of = |rows, one_key| {
        Some(Geometry {
            block,
            rows,
            moved,
            one_key,
        })
    };
    match scheme {
        "rmt" => of(true, false),
        "aes" => of(false, !params.bool("per_position") && !moved),
        "ele" | "etc" => of(false, false),
        // Three channels become planes side by side, so that no block stays what it was.
        "etc-gray" if plain.channels == 1 => of(false, false),
        "tanaka" | "shf" | "negpos" | "ffx" => of(false, true),
        "skk" => Some(Geometry {
            block: 1,
            rows: false,
            moved: false,
            one_key: false,
        }),
        _ => None,
    }
}

impl Layout {
    /// The layout of a scheme's images, or what is wrong with the scope.
    pub(super) fn new(
        scheme: &str,
        params: &Params,
        plain: Shape,
        disguised: Shape,
        scope: Scope,
    ) -> Result<Self, String> {
        let geometry = geometry(scheme, params, plain);
        let (geometry, shared) = match (scope, geometry) {
            (Scope::Image, _) | (Scope::Auto, None) => return Ok(Self::whole(plain, disguised)),
            (_, None) => return Err("no place of its images goes with a place of the plain ones".into()),
            (Scope::Shared, Some(g)) if g.moved => return Err("blocks that are moved share no fit".into()),
            (Scope::Auto, Some(g)) => {
                let shared = g.one_key;
                (g, shared)
            }
            (Scope::Position, Some(g)) => (g, false),
            (Scope::Shared, Some(g)) => (g, true),
        };
        let grid = Grid::new(plain, geometry.block);
        // Pixels may be repeated, and blocks with them.
        let scale = disguised.height / grid.padded().height;
        let large = Grid::new(disguised, geometry.block * scale);
        if scale == 0 || large.positions() != grid.positions() {
            return Err("its images have another number of blocks than the plain ones".into());
        }
        let groups = |grid: &Grid| -> Vec<Pieces> {
            let groups: Vec<Pieces> = (0..grid.positions())
                .map(|at| block(grid, at, geometry.rows))
                .collect();
            if shared { vec![groups.concat()] } else { groups }
        };
        Ok(Self {
            inputs: groups(&large),
            targets: groups(&grid),
            moved: geometry.moved,
        })
    }

    fn whole(plain: Shape, disguised: Shape) -> Self {
        let all = |shape: Shape| vec![vec![(0..shape.len() as u32).collect()]];
        Self {
            inputs: all(disguised),
            targets: all(plain),
            moved: false,
        }
    }

    /// Writes the guesses of a target group, images x pieces x values, into images of `len` values.
    pub(super) fn write(&self, group: usize, guess: &[u8], images: &mut [u8], len: usize) {
        let places = self.targets[group].concat();
        for (image, guess) in images.chunks_exact_mut(len).zip(guess.chunks_exact(places.len())) {
            // A pixel at the border comes before its repetitions, so backwards its own guess stays.
            for (place, value) in places.iter().zip(guess).rev() {
                image[*place as usize] = *value;
            }
        }
    }
}

/// Indices of the values of a block: one piece in the order (row, column, channel), or one for each row of
/// each channel.
fn block(grid: &Grid, position: usize, rows: bool) -> Pieces {
    let (image, side) = (grid.image(), grid.block());
    let (top, left) = (position / grid.columns() * side, position % grid.columns() * side);
    let place = |row: usize, column: usize, channel: usize| {
        let (row, column) = (
            (top + row).min(image.height - 1),
            (left + column).min(image.width - 1),
        );
        ((row * image.width + column) * image.channels + channel) as u32
    };
    let channels = 0..image.channels;
    if rows {
        let line = |row, channel| (0..side).map(|column| place(row, column, channel)).collect();
        return (0..side)
            .flat_map(|row| channels.clone().map(move |c| line(row, c)))
            .collect();
    }
    let all = (0..side * side * image.channels).map(|i| {
        let (pixel, channel) = (i / image.channels, i % image.channels);
        place(pixel / side, pixel % side, channel)
    });
    vec![all.collect()]
}
