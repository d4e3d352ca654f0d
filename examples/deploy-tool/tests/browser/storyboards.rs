//! The storyboard of each demo scenario, by mouse and by keyboard, wide, narrow and dark.

use crate::{
    chromium::{Chromium, DARK, ENTER, NARROW, TAB, Tab, WIDE, axe},
    tool::Tool,
};

const FRAMES: [&str; 5] = ["plan", "stage", "release", "verify", "rollback"];

/// The frames that are shown, by their ids.
const SHOWN: &str = "[...document.querySelectorAll('.frame')].filter(one => one.offsetParent !== null).map(one => one.id).join()";

async fn only(tab: &Tab, frame: &str) {
    tab.wait_for(&format!("{SHOWN} === '{frame}'")).await;
    // Whoever reads with a screen reader goes on in the frame.
    tab.wait_for(&format!("document.activeElement.id === '{frame}'")).await;
    let text = tab.evaluate(&format!("document.getElementById('{frame}').innerText")).await;
    let text = text.as_str().unwrap_or_default().to_lowercase();
    let word = if frame == "rollback" { "procedure" } else { "checklist" };
    assert!(text.starts_with(frame) && text.contains(word), "{frame}: {text}");
}

/// Goes through the frames with the tabulator and the enter key alone.
async fn by_keyboard(tab: &Tab) {
    for frame in FRAMES {
        let there = format!("document.activeElement.getAttribute('href') === '#{frame}'");
        let mut presses = 0;
        tab.evaluate("document.activeElement.blur(), window.getSelection().removeAllRanges(), true").await;
        while tab.evaluate(&there).await != true {
            tab.press(&TAB).await;
            presses += 1;
            assert!(presses < 400, "the link to {frame} is not reached by keyboard");
        }
        tab.press(&ENTER).await;
        only(tab, frame).await;
    }
}

async fn visit(chromium: &Chromium, scenario: &str) {
    let tool = Tool::new();
    tool.run(&["demo", "--json", "--scenario", scenario]);
    let release = format!("demo-{scenario}");
    tool.run(&["storyboard", &release, "-o", "board.html"]);
    let url = format!("file://{}", tool.folder.path().join("board.html").display());
    let tab = chromium.tab().await;
    let axe = axe();
    for look in [WIDE, NARROW, DARK] {
        tab.look(look).await;
        tab.open(&url).await;
        let current = if scenario == "error-spike" { "rollback" } else { "verify" };
        tab.wait_for(&format!("{SHOWN} === '{current}'")).await;
        assert_eq!(tab.at_a_glance().await[0], "done", "{scenario}, {}", look.name);
        for frame in FRAMES {
            // A picture of the whole page undoes the size.
            tab.look(look).await;
            tab.click(&format!(".frames-nav a[href='#{frame}']")).await;
            only(&tab, frame).await;
            let widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]";
            let (whole, shown): (u64, u64) = serde_json::from_value(tab.evaluate(widths).await).unwrap();
            assert!(whole <= shown, "{scenario}, {frame}, {}: {whole} of {shown}", look.name);
            if let Some(axe) = axe.as_ref().filter(|_| scenario == "error-spike") {
                assert_eq!(
                    tab.serious(axe).await,
                    Vec::<String>::new(),
                    "{scenario}, {frame}, {}",
                    look.name
                );
            }
            tab.picture(&format!("{scenario}-{frame}-{}", look.name)).await;
        }
    }
    tab.open("about:blank").await;
    tab.look(WIDE).await;
    tab.open(&url).await;
    tab.click(".frames-nav a[href='#all']").await;
    tab.wait_for(&format!("{SHOWN} === '{}'", FRAMES.join(","))).await;
    by_keyboard(&tab).await;
    if let Some(axe) = &axe {
        tab.click(".frames-nav a[href='#all']").await;
        // The same tables, a few rows or thousands: they are looked at where they are short.
        let folded = match scenario {
            "error-spike" => "document.querySelectorAll('details').forEach(one => one.open = true), true",
            _ => "document.querySelectorAll('details > :not(summary)').forEach(one => one.remove()), true",
        };
        tab.evaluate(folded).await;
        assert_eq!(tab.serious(axe).await, Vec::<String>::new(), "{scenario}, all frames");
    }
    assert_eq!(tab.said(), Vec::<String>::new(), "{scenario}");
    let beyond: Vec<String> = tab
        .asked()
        .into_iter()
        .filter(|asked| {
            *asked != url
                && !asked.starts_with(&format!("{url}#"))
                && asked != "about:blank"
                && asked != "data:,"
        })
        .collect();
    assert_eq!(beyond, Vec::<String>::new(), "{scenario}");
    tab.page.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storyboard_of_every_scenario_opens_by_mouse_and_by_keyboard() {
    let Some(chromium) = Chromium::start().await else { return };
    for scenario in ["clean", "error-spike", "metrics-outage", "oncall-lapse", "override", "flaky-deployer"] {
        visit(&chromium, scenario).await;
    }
    chromium.stop().await;
}
