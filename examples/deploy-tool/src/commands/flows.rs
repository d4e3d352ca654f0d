//! `flows`: the key user flows, tried once by hand.

use std::fmt;

use relman_core::port::{CheckedFlow, FlowOutcome};

use crate::{
    cli::{Flows, Global},
    config::Config,
    failure::Failure,
    output, ports,
};

/// Tries every flow of the configuration and prints what was found; records nothing.
pub(super) async fn run(global: &Global, flows: &Flows) -> Result<(), Failure> {
    let config = Config::load(global)?;
    let Some(user_flows) = ports::user_flows(&config)? else {
        return Err(Failure::usage(format_args!(
            "the configuration has no [[user_flows]]: add them to {}; `init` writes an example",
            config.origin()
        )));
    };
    let report = user_flows.check(&flows.service).await?;
    if global.json {
        for flow in &report.flows {
            output::json(flow)?;
        }
    } else {
        output::report(Table(&report.flows))?;
    }
    match report.outcome() {
        FlowOutcome::Passed => Ok(()),
        FlowOutcome::Failed | FlowOutcome::Unknown => Err(Failure::Said),
    }
}

/// One line a flow, and for those that do not work what was expected.
struct Table<'a>(&'a [CheckedFlow]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.0.iter().map(|flow| flow.name.as_str().len()).max();
        let width = longest.unwrap_or_default().max("flow".len());
        writeln!(f, "{:width$}  {:7}  {:>8}  found", "flow", "outcome", "time")?;
        for flow in self.0 {
            let time = flow.latency.map_or_else(|| "-".to_owned(), |latency| latency.to_string());
            writeln!(f, "{:width$}  {:7}  {time:>8}  {}", flow.name, flow.outcome, plain(&flow.found))?;
            match flow.outcome {
                FlowOutcome::Passed => {}
                FlowOutcome::Failed | FlowOutcome::Unknown => {
                    writeln!(f, "{:width$}  {:7}  {:>8}  expected {}", "", "", "", plain(&flow.expected))?;
                }
            }
        }
        Ok(())
    }
}

/// Words of the outside world, without what could move a cursor.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
