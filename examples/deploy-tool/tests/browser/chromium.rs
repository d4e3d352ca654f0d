//! A browser with a new profile, and tabs that remember what was said and asked for.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chromiumoxide::{
    Browser, BrowserConfig, Page,
    cdp::{
        browser_protocol::{
            emulation::{MediaFeature, SetDeviceMetricsOverrideParams},
            input::{DispatchKeyEventParams, DispatchKeyEventType},
            log::EventEntryAdded,
            network::{EnableParams, EventRequestWillBeSent},
        },
        js_protocol::runtime::{EvaluateParams, EventConsoleApiCalled, EventExceptionThrown},
    },
    layout::Point,
    page::ScreenshotParams,
};
use futures::StreamExt;
use serde_json::Value;
use tempfile::TempDir;

/// How long a page may take to show something that is expected.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Chromium {
    browser: Browser,
    _profile: TempDir,
}

pub(crate) struct Tab {
    pub(crate) page: Page,
    said: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) name: &'static str,
    width: i64,
    height: i64,
    scheme: &'static str,
}

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    name: &'static str,
    number: i64,
    text: &'static str,
}

pub(crate) const TAB: Key = Key { name: "Tab", number: 9, text: "" };
pub(crate) const ENTER: Key = Key { name: "Enter", number: 13, text: "\r" };

pub(crate) const WIDE: Look = Look { name: "wide", width: 1_280, height: 900, scheme: "light" };
pub(crate) const NARROW: Look = Look { name: "narrow", width: 390, height: 844, scheme: "light" };
pub(crate) const DARK: Look = Look { name: "dark", width: 1_280, height: 900, scheme: "dark" };

/// Whether what is missing fails the tests.
fn services_are_required() -> bool {
    std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some()
}

fn executable() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
}

/// axe-core, where somebody has said where it is.
pub(crate) fn axe() -> Option<String> {
    let Some(path) = std::env::var_os("RELMAN_AXE") else {
        assert!(!services_are_required(), "RELMAN_AXE does not name axe.min.js (npm install axe-core)");
        println!("passed over: RELMAN_AXE does not name axe.min.js");
        return None;
    };
    Some(std::fs::read_to_string(path).unwrap())
}

impl Chromium {
    /// A browser; none where this machine has none.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = executable() else {
            assert!(!services_are_required(), "there is no chromium on the PATH (apt-get install chromium)");
            println!("passed over: there is no chromium on the PATH");
            return None;
        };
        let profile = TempDir::new().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(program)
            .no_sandbox()
            .viewport(None)
            .user_data_dir(profile.path())
            .launch_timeout(Duration::from_mins(1))
            // A page of thousands of rows on a busy machine.
            .request_timeout(Duration::from_mins(2))
            .args(["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"])
            .args(["disable-component-update", "disable-sync"])
            .build()
            .unwrap();
        let (browser, mut handler) = Browser::launch(config).await.unwrap();
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        Some(Self { browser, _profile: profile })
    }

    pub(crate) async fn tab(&self) -> Tab {
        let page = self.browser.new_page("about:blank").await.unwrap();
        page.execute(EnableParams::default()).await.unwrap();
        let (said, asked) = (Arc::default(), Arc::default());
        collect::<EventEntryAdded>(&page, &said, |event| {
            format!("{:?}: {}", event.entry.level, event.entry.text)
        })
        .await;
        collect::<EventConsoleApiCalled>(&page, &said, |event| {
            format!("{:?}: {:?}", event.r#type, event.args)
        })
        .await;
        collect::<EventExceptionThrown>(&page, &said, |event| event.exception_details.text.clone()).await;
        collect::<EventRequestWillBeSent>(&page, &asked, |event| event.request.url.clone()).await;
        let tab = Tab { page, said, asked };
        tab.look(WIDE).await;
        tab
    }

    pub(crate) async fn stop(mut self) {
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
    }
}

/// Writes down every event of a kind.
async fn collect<E: chromiumoxide::cdp::IntoEventKind + Unpin>(
    page: &Page,
    into: &Arc<Mutex<Vec<String>>>,
    text: fn(&E) -> String,
) {
    let (mut events, into) = (page.event_listener::<E>().await.unwrap(), into.clone());
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            into.lock().unwrap().push(text(&event));
        }
    });
}

impl Tab {
    pub(crate) async fn look(&self, look: Look) {
        let metrics = SetDeviceMetricsOverrideParams::new(look.width, look.height, 1.0, false);
        self.page.execute(metrics).await.unwrap();
        let scheme = MediaFeature::new("prefers-color-scheme", look.scheme);
        // Without smooth scrolling, which would move what the mouse aims at.
        let still = MediaFeature::new("prefers-reduced-motion", "reduce");
        self.page.emulate_media_features(vec![scheme, still]).await.unwrap();
    }

    /// Shows the tab. One in the background draws nothing, and its page listens for nothing.
    pub(crate) async fn to_front(&self) {
        self.page.bring_to_front().await.unwrap();
    }

    pub(crate) async fn open(&self, url: &str) {
        self.to_front().await;
        self.page.goto(url).await.unwrap();
    }

    /// The value of a script in the page that is shown now, whatever was shown before.
    async fn run(&self, script: &str) -> Result<Value, String> {
        let params =
            EvaluateParams::builder().expression(script).await_promise(true).return_by_value(true).build()?;
        let answer = self.page.execute(params).await.map_err(|error| error.to_string())?.result;
        match answer.exception_details {
            Some(thrown) => Err(format!("{} {:?}", thrown.text, thrown.exception)),
            None => Ok(answer.result.value.unwrap_or(Value::Null)),
        }
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.run(script).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Clicks with the mouse, where a person would: on the middle of what is there.
    pub(crate) async fn click(&self, selector: &str) {
        // The driver's own search copies the whole document, which is large here.
        let script = format!(
            "(() => {{ const one = document.querySelector({selector:?}); one.scrollIntoView({{ block: 'center' }});
             const box = one.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let (x, y): (f64, f64) = serde_json::from_value(self.evaluate(&script).await).unwrap();
        self.page.click(Point::new(x, y)).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: &Key) {
        let event = |kind| {
            let event = DispatchKeyEventParams::builder().r#type(kind).key(key.name).code(key.name);
            event.windows_virtual_key_code(key.number)
        };
        let down = event(DispatchKeyEventType::KeyDown).text(key.text).build().unwrap();
        self.page.execute(down).await.unwrap();
        let up = event(DispatchKeyEventType::KeyUp).build().unwrap();
        self.page.execute(up).await.unwrap();
    }

    /// Waits until a script is true; how long that took.
    pub(crate) async fn wait_for(&self, script: &str) -> Duration {
        let from = Instant::now();
        loop {
            // A page that is being left has nothing to say yet.
            if self.run(script).await == Ok(Value::Bool(true)) {
                return from.elapsed();
            }
            if from.elapsed() > PATIENCE {
                let shown = self.evaluate("location.href + '\\n' + document.body.innerText").await;
                panic!("still not so: {script}; the page is {shown}");
            }
            // Every question is an answer of the browser, which has its own pace.
            tokio::task::yield_now().await;
        }
    }

    /// What the console was told.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// What was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// What the top of a release's page says, without scrolling: its health, what is live, what is happening, what it waits
    /// for and whose turn that is, what comes next. Each is a phrase of at most three lines, with a note of at most five.
    pub(crate) async fn at_a_glance(&self) -> Vec<String> {
        let script = "(() => {
            scrollTo(0, 0);
            const lines = (one) => Math.round(one.getBoundingClientRect().height / parseFloat(getComputedStyle(one).lineHeight));
            const tiles = [...document.querySelectorAll('.glance dd')];
            const phrase = (tile) => [...tile.childNodes].filter(one => one.nodeName !== 'SMALL').map(one => one.textContent).join('').trim();
            return {
                bottom: document.querySelector('.glance').getBoundingClientRect().bottom - innerHeight,
                notes: tiles.flatMap(tile => [...tile.querySelectorAll('small')].map(lines)),
                said: [document.querySelector('h1 .chip').innerText, ...tiles.map(phrase)],
            };
        })()";
        let found = self.evaluate(script).await;
        assert!(found["bottom"].as_f64().unwrap() <= 0.0, "it is below the first screen: {found}");
        let notes = found["notes"].as_array().unwrap();
        assert!(notes.iter().all(|lines| lines.as_u64().unwrap() <= 5), "{found}");
        let said: Vec<String> = serde_json::from_value(found["said"].clone()).unwrap();
        assert_eq!(said.len(), 5, "{said:?}");
        assert!(said.iter().all(|one| !one.is_empty() && one.chars().count() <= 80), "{said:?}");
        said
    }

    /// What axe-core finds serious on the page as it is shown now.
    pub(crate) async fn serious(&self, axe: &str) -> Vec<String> {
        self.evaluate(&format!("{axe}; true")).await;
        let found = "axe.run().then(found => found.violations
            .filter(one => one.impact === 'serious' || one.impact === 'critical')
            .map(one => one.id + ': ' + one.nodes.map(node => node.target.join(' ')).join(', ')))";
        serde_json::from_value(self.evaluate(found).await).unwrap()
    }

    /// Keeps a picture, where somebody wants to look at it.
    pub(crate) async fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("RELMAN_SCREENSHOTS") {
            let whole = ScreenshotParams::builder().full_page(true).build();
            let file = PathBuf::from(folder).join(format!("{name}.png"));
            self.page.save_screenshot(whole, file).await.unwrap();
        }
    }
}
