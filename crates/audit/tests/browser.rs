//! The page in a real browser. Needs Debian's chromium: `cargo xtask test --browser` installs it and runs these.

mod common;

use common::{audit, key, subjects};
use headless_chrome::{
    Browser, LaunchOptions, Tab,
    protocol::cdp::{Emulation, Network, types::Event},
};
use std::{
    ffi::OsStr,
    sync::{Arc, Mutex},
    time::Duration,
};
use visard_audit::{Show, page};
use visard_core::Shape;

/// Without most of these flags a browser asks its makers' hosts for things of its own.
const FLAGS: [&str; 7] = [
    // Lets a page ask what a screen reader is told of it.
    "--enable-blink-features=ComputedAccessibilityInfo",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
];

/// The page of an audit whose data set has a hostile name, in a browser, and what the browser complained of.
struct Opened {
    _browser: Browser,
    tab: Arc<Tab>,
    requests: Arc<Mutex<Vec<String>>>,
    complaints: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Opened {
    fn new() -> Self {
        let shape = Shape::new(28, 28, 1);
        let mut images = subjects(shape, 40);
        images.name = "<img src=x onerror=alert(1)> a data set with quite a long name & more of it".into();
        let instead = subjects(shape, 40);
        let report = audit(&key("rmt", &[], shape, 9, None), &images, Show::Instead(&instead));
        let html = page::page(&report, false).expect("a page");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("report.html");
        std::fs::write(&file, html).expect("a file");

        let options = LaunchOptions {
            path: Some("/usr/bin/chromium".into()),
            sandbox: false,
            args: FLAGS.iter().map(OsStr::new).collect(),
            idle_browser_timeout: Duration::from_secs(120),
            ..LaunchOptions::default()
        };
        let browser = Browser::new(options).expect("chromium: cargo xtask test --browser installs it");
        let tab = browser.new_tab().expect("a tab");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let (seen, heard) = (requests.clone(), complaints.clone());
        tab.add_event_listener(Arc::new(move |event: &Event| match event {
            Event::NetworkRequestWillBeSent(request) => {
                seen.lock().unwrap().push(request.params.request.url.clone());
            }
            Event::LogEntryAdded(entry) => heard.lock().unwrap().push(entry.params.entry.text.clone()),
            Event::RuntimeConsoleAPICalled(call) => {
                heard.lock().unwrap().push(format!("{:?}", call.params.args))
            }
            Event::RuntimeExceptionThrown(thrown) => {
                heard.lock().unwrap().push(format!("{:?}", thrown.params))
            }
            _ => {}
        }))
        .expect("a listener");
        tab.enable_log().expect("the log");
        tab.enable_runtime().expect("the runtime");
        tab.call_method(Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        })
        .expect("the network");
        tab.navigate_to(&format!("file://{}", file.display()))
            .expect("the page");
        tab.wait_until_navigated().expect("the page");
        Self {
            _browser: browser,
            tab,
            requests,
            complaints,
            _folder: folder,
        }
    }

    fn ask(&self, script: &str) -> serde_json::Value {
        let answer = self.tab.evaluate(script, false).expect("an answer");
        answer.value.unwrap_or_default()
    }

    fn number(&self, script: &str) -> i64 {
        self.ask(script)
            .as_i64()
            .unwrap_or_else(|| panic!("no number: {script}"))
    }

    fn width(&self, width: u32, height: u32) {
        self.tab
            .call_method(Emulation::SetDeviceMetricsOverride {
                width,
                height,
                device_scale_factor: 1.0,
                mobile: width < 500,
                scale: None,
                screen_width: None,
                screen_height: None,
                position_x: None,
                position_y: None,
                dont_set_visible_size: None,
                screen_orientation: None,
                viewport: None,
                display_feature: None,
                device_posture: None,
            })
            .expect("a width");
    }
}

/// Of all elements with text of their own: those whose colours differ too little to be read.
const CONTRAST: &str = r#"(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
      .reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e), a = light(parse(style.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(e.tagName + ' ' + ratio.toFixed(1) + ' ' + e.textContent.slice(0, 40));
  }
  return bad.join('; ');
})()"#;

#[test]
#[ignore = "needs chromium: cargo xtask test --browser"]
fn the_page_can_be_read_by_everyone_and_asks_for_nothing() {
    let page = Opened::new();
    for (width, height) in [(360, 740), (1280, 900)] {
        page.width(width, height);
        let wide = page.number("document.documentElement.scrollWidth");
        assert!(
            wide <= i64::from(width),
            "the page is {wide} wide on a screen of {width}"
        );
        assert_eq!(page.ask(CONTRAST), "", "at {width}");
    }
    assert_eq!(page.number("document.querySelectorAll('h1').length"), 1);
    assert_eq!(page.ask("document.documentElement.lang"), "en");
    // Nothing of the name has become an element.
    assert_eq!(
        page.number("document.querySelectorAll('img[src=x], script').length"),
        0
    );
    assert!(page.number("document.querySelectorAll('article').length") > 5);
    assert!(page.number("document.querySelectorAll('.chart svg').length") > 0);
    assert_eq!(
        page.number("[...document.images].filter(i => !i.complete || !i.naturalWidth).length"),
        0
    );
    let levels = "(() => { let last = 1; for (const h of document.querySelectorAll('h1,h2,h3')) { const n = +h.tagName[1]; \
                  if (n > last + 1) return h.textContent; last = n; } return ''; })()";
    assert_eq!(page.ask(levels), "", "a heading skips a level");
    let targets = "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(a.hash.slice(1))).length";
    assert_eq!(page.number(targets), 0, "links lead nowhere");
    every_name_is_spoken(&page);
    every_control_is_reached(&page);
    let requests = page.requests.lock().unwrap();
    let outside: Vec<_> = requests
        .iter()
        .filter(|url| !url.starts_with("file:") && !url.starts_with("data:"))
        .collect();
    assert!(!requests.is_empty() && outside.is_empty(), "{outside:?}");
    assert!(
        page.complaints.lock().unwrap().is_empty(),
        "{:?}",
        page.complaints.lock().unwrap()
    );
}

/// Elements that must have a name, with what the browser tells a screen reader of them.
const NAMES: &str = r#"(() => {
  const roles = ['img', 'image', 'link', 'region', 'navigation', 'heading', 'article'];
  const all = [...document.querySelectorAll('body *')].filter(e => roles.includes(e.computedRole));
  const bad = all.filter(e => !e.computedName.trim()).map(e => e.computedRole + ' ' + e.outerHTML.slice(0, 60));
  return all.length < 20 ? 'only ' + all.length : bad.join('; ');
})()"#;

/// What a screen reader says of pictures, links, regions and headings.
fn every_name_is_spoken(page: &Opened) {
    assert_eq!(page.ask(NAMES), "", "without a name");
}

/// The tabulator key comes to everything that can be operated.
fn every_control_is_reached(page: &Opened) {
    let controls = page.number("document.querySelectorAll('a[href], summary, [tabindex=\"0\"]').length");
    page.ask("window.reached = new Set(); document.activeElement.blur(); 0");
    for _ in 0..controls + 5 {
        page.tab.press_key("Tab").expect("a key");
        page.ask("reached.add(document.activeElement); 0");
    }
    let missed = page.number(
        "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')].filter(e => !reached.has(e)).length",
    );
    assert_eq!(missed, 0, "of {controls} controls");
}
