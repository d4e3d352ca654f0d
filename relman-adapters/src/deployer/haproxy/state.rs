use std::{fmt, str::FromStr};

use relman_core::port::Place;

use super::{stat::Stat, weights::Weights};

/// The version of the answer to `show servers state` that is understood: the first line.
const FORMAT: &str = "1";

/// The servers of one backend, as `show servers state <backend>` tells them.
///
/// The columns are found by their names in the header line, because versions of HAProxy add some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Servers(Vec<Server>);

/// One server of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    /// The weight that is set.
    pub(super) weight: u32,
    /// The weight that counts: less than the one that is set while it starts slowly.
    counts: u32,
    /// Whether it gets requests only where no other server takes any.
    is_backup: bool,
    /// Whether a check of its own agent may set its weight.
    has_agent: bool,
    condition: Condition,
    last_check: LastCheck,
}

/// Whether a server takes new requests, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Up,
    /// Coming up with a slow start: it takes requests already.
    Starting,
    /// Being stopped by its health check: it takes no new requests.
    Stopping,
    Down,
    Draining,
    Maintenance,
}

/// What the last health check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastCheck {
    /// No checks are configured, so HAProxy takes the server for healthy.
    NotChecked,
    /// Checks are configured and none has ended yet.
    Pending,
    Passed,
    Failed,
}

impl Server {
    /// Whether HAProxy sends it new requests if it has weight.
    pub(super) fn takes_requests(&self) -> bool {
        matches!(self.condition, Condition::Up | Condition::Starting)
    }

    /// Whether it may be given more traffic: fully up, and its last check, where it has any, has passed.
    pub(super) fn is_ready(&self) -> bool {
        self.condition == Condition::Up
            && matches!(self.last_check, LastCheck::Passed | LastCheck::NotChecked)
    }

    /// Its state in words: `up`, `down`, `in maintenance`, `up, its first health check pending`.
    pub(super) fn state(&self) -> String {
        let condition = match self.condition {
            Condition::Up => "up",
            Condition::Starting => "starting slowly",
            Condition::Stopping => "stopping",
            Condition::Down => "down",
            Condition::Draining => "draining",
            Condition::Maintenance => "in maintenance",
        };
        let agent = if self.has_agent { ", its weight subject to an agent check" } else { "" };
        let check = match (self.condition, self.last_check) {
            (Condition::Up, LastCheck::Pending) => ", its first health check pending",
            (Condition::Up, LastCheck::Failed) => ", its last health check failed",
            _ => "",
        };
        match self.condition {
            Condition::Starting if self.counts != self.weight => {
                format!("{condition}, with a weight of {} so far{agent}", self.counts)
            }
            _ => format!("{condition}{check}{agent}"),
        }
    }

    /// What is wrong with it, in words; nothing where it takes all the requests that its weight gives it.
    fn trouble(&self) -> Option<String> {
        let fine = self.condition == Condition::Up && self.counts == self.weight;
        (!fine).then(|| format!("{} is {}", self.name, self.state()))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weight {} ({})", self.name, self.weight, self.state())
    }
}

impl Servers {
    /// The server of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Server> {
        self.0.iter().find(|server| server.name == name)
    }

    /// The names of all servers, for a person.
    pub(super) fn names(&self) -> String {
        match self.0.as_slice() {
            [] => "none".to_owned(),
            servers => servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(", "),
        }
    }

    /// The servers that are neither of the two and have weight; not those that are there for the case that all others fail.
    fn others<'a>(&'a self, canary: &'a Server, baseline: &'a Server) -> impl Iterator<Item = &'a Server> {
        self.0.iter().filter(move |server| {
            server.name != canary.name
                && server.name != baseline.name
                && server.weight > 0
                && !server.is_backup
        })
    }

    /// Adds what `show stat` says about them.
    pub(super) fn with_stats(mut self, stats: &[Stat]) -> Self {
        for server in &mut self.0 {
            if let Some(stat) = stats.iter().find(|stat| stat.server == server.name) {
                (server.counts, server.is_backup) = (stat.weight, stat.is_backup);
            }
        }
        self
    }

    /// Reads the answer to `show servers state <backend>`.
    ///
    /// The error says what is not as expected.
    pub(super) fn parse(answer: &str, backend: &str) -> Result<Self, String> {
        let mut lines = answer.lines();
        match lines.next().map(str::trim) {
            Some(FORMAT) => {}
            first => {
                return Err(format!("the first line is {:?}, not {FORMAT:?}", first.unwrap_or_default()));
            }
        }
        let header = lines
            .next()
            .and_then(|line| line.strip_prefix('#'))
            .ok_or_else(|| "the second line does not name the columns".to_owned())?;
        let columns = Columns(header.split_whitespace().collect());
        let rows = lines.filter(|line| !line.trim().is_empty());
        let mut servers = Vec::new();
        for row in rows {
            let fields: Vec<&str> = row.split_whitespace().collect();
            if columns.text(&fields, "be_name")? == backend {
                servers.push(columns.server(&fields)?);
            }
        }
        Ok(Self(servers))
    }
}

/// The names of the columns, in order.
struct Columns<'a>(Vec<&'a str>);

impl Columns<'_> {
    fn text<'f>(&self, fields: &[&'f str], name: &str) -> Result<&'f str, String> {
        let position = self.0.iter().position(|column| *column == name);
        let position = position.ok_or_else(|| format!("there is no column {name}"))?;
        fields.get(position).copied().ok_or_else(|| format!("a line is too short for the column {name}"))
    }

    fn number<T: FromStr>(&self, fields: &[&str], name: &str) -> Result<T, String> {
        let text = self.text(fields, name)?;
        text.parse().map_err(|_| format!("{text:?} in the column {name} is not a number"))
    }

    fn server(&self, fields: &[&str]) -> Result<Server, String> {
        let weight = self.number(fields, "srv_uweight")?;
        Ok(Server {
            name: self.text(fields, "srv_name")?.to_owned(),
            weight,
            counts: weight,
            is_backup: false,
            has_agent: self.number::<u32>(fields, "srv_agent_state")? & ENABLED != 0,
            condition: condition(
                self.number(fields, "srv_op_state")?,
                self.number(fields, "srv_admin_state")?,
            )?,
            last_check: last_check(
                self.number(fields, "srv_check_state")?,
                self.number(fields, "srv_check_status")?,
                self.number(fields, "srv_check_result")?,
            ),
        })
    }
}

/// The bit of the state of a check that says that it is enabled.
const ENABLED: u32 = 0x04;

/// HAProxy's management guide, "show servers state": the administrative state is a set of bits, of which these
/// mean draining (forced, inherited) and all others maintenance for one reason or another.
fn condition(operational: u8, administrative: u32) -> Result<Condition, String> {
    const DRAIN: u32 = 0x08 | 0x10;
    if administrative & !DRAIN != 0 {
        return Ok(Condition::Maintenance);
    }
    match operational {
        0 => Ok(Condition::Down),
        _ if administrative & DRAIN != 0 => Ok(Condition::Draining),
        1 => Ok(Condition::Starting),
        2 => Ok(Condition::Up),
        3 => Ok(Condition::Stopping),
        other => Err(format!("{other} is not an operational state from 0 to 3")),
    }
}

/// The same guide: bit 2 of the check's state says that checks are enabled, a status up to 2 that none has ended, and a
/// result of 2 that the last one failed. While a check is under way there is no result; then the one before it
/// counts, by which the server is up or down.
fn last_check(state: u32, status: u8, result: u8) -> LastCheck {
    match (state & ENABLED, status, result) {
        (0, _, _) => LastCheck::NotChecked,
        (_, 0..=2, _) => LastCheck::Pending,
        (_, _, 2) => LastCheck::Failed,
        (_, _, _) => LastCheck::Passed,
    }
}

/// The canary and the baseline of a backend, and what else there is.
pub(super) struct Backend<'a> {
    pub(super) servers: &'a Servers,
    pub(super) canary: &'a Server,
    pub(super) baseline: &'a Server,
}

impl Backend<'_> {
    /// The weights that are set, whether or not the servers are up.
    pub(super) fn weights(&self) -> Weights {
        Weights { canary: self.canary.weight, baseline: self.baseline.weight }
    }

    /// What these weights would come to now: a server that takes no requests counts nothing.
    pub(super) fn effective(&self, weights: Weights) -> Weights {
        let counted = |server: &Server, weight| if server.takes_requests() { weight } else { 0 };
        Weights {
            canary: counted(self.canary, weights.canary),
            baseline: counted(self.baseline, weights.baseline),
        }
    }

    /// The weights that count now: less than those that are set while a server starts slowly.
    pub(super) fn counting(&self) -> Weights {
        self.effective(Weights { canary: self.canary.counts, baseline: self.baseline.counts })
    }

    fn others(&self) -> impl Iterator<Item = &Server> {
        self.servers.others(self.canary, self.baseline)
    }

    /// The weight that is set for all other servers.
    pub(super) fn weight_of_others(&self) -> u32 {
        self.others().map(|server| server.weight).sum()
    }

    /// The weight of those of them that take requests.
    pub(super) fn others_in_use(&self) -> u32 {
        self.others().filter(|server| server.takes_requests()).map(|server| server.weight).sum()
    }

    /// The weight of those that counts now.
    pub(super) fn others_counting(&self) -> u32 {
        self.others().filter(|server| server.takes_requests()).map(|server| server.counts).sum()
    }

    /// The servers that are not the canary's and take no requests, or fewer than they should, in words.
    pub(super) fn missing(&self) -> Vec<String> {
        std::iter::once(self.baseline).chain(self.others()).filter_map(Server::trouble).collect()
    }

    /// The place of the new version.
    pub(super) fn canary_place(&self) -> Place {
        place(&[self.canary])
    }

    /// The place of the old version: the baseline's server, and what counts as one.
    pub(super) fn baseline_place(&self) -> Place {
        place(&std::iter::once(self.baseline).chain(self.others()).collect::<Vec<_>>())
    }
}

fn place(servers: &[&Server]) -> Place {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let ready = servers.iter().filter(|server| server.takes_requests()).count();
    let place = Place::new().with_ready(count(ready), count(servers.len()));
    let trouble: Vec<String> = servers.iter().filter_map(|server| server.trouble()).collect();
    if trouble.is_empty() { place } else { place.with_trouble(trouble.join(", ")) }
}

impl fmt::Display for Backend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.canary, self.baseline)?;
        let others: Vec<String> = self.others().map(ToString::to_string).collect();
        if !others.is_empty() {
            write!(f, "; counted as baseline: {}", others.join(", "))?;
        }
        if self.effective(self.weights()).total(self.others_in_use()) == 0 {
            f.write_str("; no server takes requests, so they are answered with 503")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
        srv_iweight srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state";

    fn answer(rows: &[&str]) -> String {
        format!("1\n{HEADER}\n{}\n\n", rows.join("\n"))
    }

    #[test]
    fn the_state_of_a_server_is_told_apart() {
        for (fields, state, takes_requests, is_ready) in [
            // Operational state, administrative state, weight, initial weight, check: status, result, health, state.
            ("2 0 1 1 6 3 4 6", "up", true, true),
            ("2 0 1 1 1 0 1 6", "up, its first health check pending", true, false),
            ("2 0 1 1 6 0 4 7", "up", true, true),
            ("2 0 1 1 8 2 1 6", "up, its last health check failed", true, false),
            ("2 0 1 1 0 0 0 0", "up", true, true),
            ("1 0 1 1 6 3 4 6", "starting slowly", true, false),
            ("3 0 1 1 6 4 4 6", "stopping", false, false),
            ("0 0 1 1 8 2 0 6", "down", false, false),
            ("2 8 1 1 6 3 4 6", "draining", false, false),
            ("2 16 1 1 6 3 4 6", "draining", false, false),
            ("0 8 1 1 8 2 0 6", "down", false, false),
            ("0 1 1 1 6 3 4 14", "in maintenance", false, false),
            ("0 33 1 1 6 3 4 14", "in maintenance", false, false),
        ] {
            let servers = Servers::parse(&answer(&[&format!("3 app 1 canary - {fields} 0")]), "app").unwrap();
            let canary = servers.named("canary").unwrap();
            assert_eq!(canary.state(), state, "{fields}");
            assert_eq!(canary.takes_requests(), takes_requests, "{fields}");
            assert_eq!(canary.is_ready(), is_ready, "{fields}");
        }
    }

    #[test]
    fn columns_are_found_by_name() {
        let moved = "1\n# srv_uweight srv_name new be_name srv_op_state srv_admin_state srv_check_result \
            srv_check_status srv_check_state srv_agent_state\n7 canary x app 2 0 3 6 6 0\n";
        assert_eq!(Servers::parse(moved, "app").unwrap().named("canary").unwrap().weight, 7);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let row = "3 app 1 canary - 2 0 1 1 6 3 4 6 0";
        for (text, message) in [
            (String::new(), "the first line is \"\", not \"1\""),
            ("HTTP/1.1 400 Bad Request\r\n".to_owned(), "the first line is \"HTTP/1.1 400 Bad Request\""),
            (answer(&[row]).replacen('1', "2", 1), "the first line is \"2\""),
            (format!("1\n{row}\n"), "the second line does not name the columns"),
            (answer(&[row]).replace("srv_uweight", "weight"), "there is no column srv_uweight"),
            (answer(&["3 app 1 canary - 2"]), "too short for the column srv_uweight"),
            (answer(&["3 app 1 canary - 9 0 1 1 6 3 4 6 0"]), "9 is not an operational state"),
            (
                answer(&["3 app 1 canary - 2 0 x 1 6 3 4 6 0"]),
                "\"x\" in the column srv_uweight is not a number",
            ),
        ] {
            let problem = Servers::parse(&text, "app").unwrap_err();
            assert!(problem.contains(message), "{problem}");
        }
    }
}
