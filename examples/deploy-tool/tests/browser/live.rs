//! Pages of `serve`: what another process does is shown within a second, and decisions rest on what was shown.

use std::time::Duration;

use crate::{
    chromium::{Chromium, DARK, NARROW, Tab, WIDE, axe},
    tool::Tool,
};

const CONFIG: &str = r#"
[people]
"user:ana" = ["author", "developer"]
"user:ben" = ["approver"]
"user:dora" = ["on-call"]
[web.tokens]
"user:ben" = { env = "TOKEN_BEN" }
"user:dora" = { env = "TOKEN_DORA" }
"#;

const PLAN: &str = r#"
release = "checkout-241"
title = "TITLE"
[scope]
service = "checkout"
summary = "Caches tax rates for a minute"
artifact = { name = "checkout", version = "2.41.0" }
replaces = "2.40.3"
audience = "user-facing"
touches = ["api"]
[contract]
criteria = ["error_rate > 1%"]
[[communication]]
audience = "internal"
channel = "releases"
moments = ["completed"]
"#;

const TOKENS: [(&str, &str); 2] =
    [("TOKEN_BEN", "ben-ben-ben-ben-ben"), ("TOKEN_DORA", "dora-dora-dora-dora")];

async fn signs_in(tab: &Tab, url: &str, token: &str) {
    tab.open(&url.replace("/relman", "/sign-in")).await;
    // The tabs of a browser share their session.
    if tab.evaluate("document.getElementById('token') === null").await == true {
        tab.click("button[type=submit]").await;
        tab.wait_for("document.getElementById('token') !== null").await;
    }
    tab.evaluate(&format!("(document.getElementById('token').value = '{token}', true)")).await;
    tab.click("button[type=submit]").await;
    tab.wait_for("location.pathname === '/relman'").await;
}

fn shows(text: &str) -> String {
    format!("document.body.innerText.includes({text:?})")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_the_journal_and_a_stale_one_approves_nothing() {
    let Some(chromium) = Chromium::start().await else { return };
    let tool = Tool::new();
    tool.write("relman.toml", CONFIG);
    tool.write("plan.toml", &PLAN.replace("TITLE", "Faster tax lookup"));
    tool.run(&["--as", "user:ana", "plan", "plan.toml"]);
    let serving = tool.serve(&TOKENS);
    let release = format!("{}/releases/checkout-241", serving.url);

    let watched = chromium.tab().await;
    watched.look(WIDE).await;
    watched.open(&release).await;
    watched.wait_for(&shows("Faster tax lookup")).await;
    let overview = chromium.tab().await;
    overview.open(&serving.url).await;
    overview.wait_for(&shows("1 release")).await;

    // What another process does is shown within a second of its record.
    watched.to_front().await;
    tool.run(&["--as", "user:dora", "hold", "checkout-241", "--reason", "odd log lines"]);
    let waited = watched.wait_for(&shows("odd log lines")).await;
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    // A page in the background gives its connection back, and catches up when somebody looks at it again.
    overview.to_front().await;
    overview.wait_for(&shows("held: manual")).await;
    tool.run(&["--as", "user:ana", "resume", "checkout-241", "--reason", "a probe"]);
    watched.to_front().await;
    watched.wait_for(&format!("!({})", shows("odd log lines"))).await;

    // Somebody without the role sees why.
    let tab = chromium.tab().await;
    signs_in(&tab, &serving.url, TOKENS[1].1).await;
    tab.open(&format!("{release}/act/approve")).await;
    tab.wait_for(&shows("user:dora may not approve: that takes one of the roles approver")).await;
    assert_eq!(tab.evaluate("document.querySelector('main form') === null").await, true);

    // A page that was made before a revision can't approve the revised plan.
    let ben = chromium.tab().await;
    signs_in(&ben, &serving.url, TOKENS[0].1).await;
    ben.open(&format!("{release}/act/approve")).await;
    ben.wait_for(&shows("Approve the plan of checkout-241 as user:ben")).await;
    tool.write("plan.toml", &PLAN.replace("TITLE", "Another change altogether"));
    tool.run(&["--as", "user:ana", "plan", "plan.toml"]);
    ben.wait_for(&shows("The release has changed since this page was made")).await;
    ben.click("main form button[type=submit]").await;
    ben.wait_for(&shows("has changed since that was shown: it was at record")).await;
    ben.wait_for(&shows("Another change altogether")).await;
    ben.picture("live-stale").await;

    ben.click("main form button[type=submit]").await;
    ben.wait_for("location.pathname.endsWith('/releases/checkout-241')").await;
    watched.to_front().await;
    watched.wait_for(&shows("staging")).await;

    if let Some(axe) = axe() {
        for look in [WIDE, NARROW] {
            for tab in [&watched, &overview, &ben] {
                tab.look(look).await;
                assert_eq!(tab.serious(&axe).await, Vec::<String>::new());
            }
        }
    }
    overview.picture("live-overview").await;
    for tab in [&watched, &overview] {
        assert_eq!(tab.said(), Vec::<String>::new());
        let here = serving.url.replace("/relman", "/");
        assert!(tab.asked().iter().all(|asked| asked.starts_with(&here)), "{:?}", tab.asked());
    }
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_seconds_are_enough_wide_and_narrow_whatever_a_person_has_written() {
    let Some(chromium) = Chromium::start().await else { return };
    let tool = Tool::new();
    tool.write("relman.toml", CONFIG);
    tool.write("plan.toml", &PLAN.replace("TITLE", "Faster tax lookup"));
    tool.run(&["--as", "user:ana", "plan", "plan.toml"]);
    let serving = tool.serve(&TOKENS);
    let tab = chromium.tab().await;
    for look in [WIDE, NARROW, DARK] {
        tab.look(look).await;
        tab.open(&format!("{}/releases/checkout-241", serving.url)).await;
        let said = [
            "waiting for approval",
            "2.40.3 for all traffic",
            "planned, 0 of 1 approval given",
            "approvals: 0 of 1 for standard risk",
            "staging",
        ];
        assert_eq!(tab.at_a_glance().await, said, "{}", look.name);
    }
    // A reason of a page does not push what matters off the screen.
    let reason = "odd log lines, as they were seen before the last incident; ".repeat(30);
    tool.run(&["--as", "user:dora", "hold", "checkout-241", "--reason", &reason]);
    tab.wait_for(&shows("odd log lines")).await;
    for look in [WIDE, NARROW] {
        tab.look(look).await;
        let said = tab.at_a_glance().await;
        assert_eq!(said[0], "waiting to be resumed");
        assert_eq!(said[3], "someone to resume it and 1 more", "{}", look.name);
        if let Some(axe) = axe() {
            assert_eq!(tab.serious(&axe).await, Vec::<String>::new());
        }
    }
    // In the dark as in the light, what holds a release does not look like what takes it back.
    for look in [WIDE, DARK] {
        tab.look(look).await;
        let colour = |class: &str| {
            format!(
                "(() => {{ const one = document.createElement('a'); one.className = 'button {class}';
                 document.body.append(one); const colour = getComputedStyle(one).backgroundColor; one.remove();
                 return colour; }})()"
            )
        };
        assert_ne!(tab.evaluate(&colour("pause")).await, tab.evaluate(&colour("back")).await);
    }
    chromium.stop().await;
}
