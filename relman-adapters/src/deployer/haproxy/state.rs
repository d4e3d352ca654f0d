use std::{fmt, str::FromStr};

use super::stat::Stat;

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
    /// The weight that HAProxy's configuration gives it.
    pub(super) initial: u32,
    /// The weight that counts: less than the one that is set while it starts slowly.
    pub(super) counts: u32,
    /// Whether it gets requests only where no other server takes any.
    pub(super) is_backup: bool,
    /// How many requests it has served since HAProxy was started, as far as `show stat` tells.
    pub(super) served: Option<u64>,
    /// How many sessions it has now.
    pub(super) sessions: Option<u64>,
    /// Whether the runtime API has put it into maintenance, and nothing else has.
    pub(super) is_shut_out: bool,
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

    /// What is wrong with it, in words; nothing where it takes all the requests that its weight gives it, and nobody else sets that.
    pub(super) fn trouble(&self) -> Option<String> {
        let fine = self.condition == Condition::Up && self.counts == self.weight && !self.has_agent;
        (!fine).then(|| format!("{} is {}", self.name, self.state()))
    }

    /// Whether it is in maintenance, for whatever reason.
    pub(super) fn is_in_maintenance(&self) -> bool {
        self.condition == Condition::Maintenance
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weight {} ({})", self.name, self.weight, self.state())
    }
}

impl Servers {
    /// All of them, in HAProxy's order.
    pub(super) fn all(&self) -> &[Server] {
        &self.0
    }

    /// The names of all servers, for a person.
    pub(super) fn names(&self) -> String {
        match self.0.as_slice() {
            [] => "none".to_owned(),
            servers => servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(", "),
        }
    }

    /// Adds what `show stat` says about them.
    pub(super) fn with_stats(mut self, stats: &[Stat]) -> Self {
        for server in &mut self.0 {
            if let Some(stat) = stats.iter().find(|stat| stat.server == server.name) {
                (server.counts, server.is_backup) = (stat.weight, stat.is_backup);
                (server.served, server.sessions) = (stat.served, stat.sessions);
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
        let administrative = self.number(fields, "srv_admin_state")?;
        Ok(Server {
            name: self.text(fields, "srv_name")?.to_owned(),
            weight,
            initial: self.number(fields, "srv_iweight")?,
            counts: weight,
            is_backup: false,
            served: None,
            sessions: None,
            is_shut_out: administrative & !DRAIN == FORCED_MAINTENANCE,
            has_agent: self.number::<u32>(fields, "srv_agent_state")? & ENABLED != 0,
            condition: condition(self.number(fields, "srv_op_state")?, administrative)?,
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
/// mean draining (forced, inherited) and all others maintenance for one reason or another: this one, that it was asked for.
const DRAIN: u32 = 0x08 | 0x10;
const FORCED_MAINTENANCE: u32 = 0x01;

fn condition(operational: u8, administrative: u32) -> Result<Condition, String> {
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
            let canary = &servers.all()[0];
            assert_eq!(canary.state(), state, "{fields}");
            assert_eq!(canary.takes_requests(), takes_requests, "{fields}");
            assert_eq!(canary.is_ready(), is_ready, "{fields}");
        }
    }

    #[test]
    fn columns_are_found_by_name() {
        let moved = "1\n# srv_iweight srv_uweight srv_name new be_name srv_op_state srv_admin_state srv_check_result \
            srv_check_status srv_check_state srv_agent_state\n1 7 canary x app 2 0 3 6 6 0\n";
        assert_eq!(Servers::parse(moved, "app").unwrap().all()[0].weight, 7);
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
