use serde::Deserialize;

/// What `show stat` says about a server, beside its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) server: String,
    /// The weight that counts.
    pub(super) weight: u32,
    pub(super) is_backup: bool,
    /// How many sessions it has had since HAProxy was started: requests, where it speaks HTTP.
    pub(super) served: Option<u64>,
    /// How many it has now.
    pub(super) sessions: Option<u64>,
}

/// The columns that matter, by the names in the header line, because versions of HAProxy add some.
#[derive(Deserialize)]
struct Row {
    #[serde(rename = "# pxname")]
    backend: String,
    svname: String,
    weight: u32,
    bck: u8,
    #[serde(default)]
    stot: Option<u64>,
    #[serde(default)]
    scur: Option<u64>,
}

/// Reads the answer to `show stat <backend> 4 -1`, the servers of a backend.
///
/// The error says what is not as expected.
pub(super) fn parse(answer: &str, backend: &str) -> Result<Vec<Stat>, String> {
    let mut stats = Vec::new();
    for row in csv::Reader::from_reader(answer.trim().as_bytes()).deserialize() {
        let Row { backend: of, svname, weight, bck, stot, scur } =
            row.map_err(|error: csv::Error| error.to_string())?;
        if of == backend {
            let (is_backup, served, sessions) = (bck > 0, stot, scur);
            stats.push(Stat { server: svname, weight, is_backup, served, sessions });
        }
    }
    if stats.is_empty() {
        return Err(format!("no server of {backend} is in it"));
    }
    Ok(stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_read_by_the_names_of_the_columns() {
        let answer = "# pxname,svname,scur,stot,status,weight,act,bck,check_desc,\n\
            app,c1,2,117,UP,6,1,0,\"a, b\",\napp,spare,,,UP,50,0,1,,\nshop,c1,0,0,UP,1,1,0,,\n\n";
        let c1 = Stat {
            server: "c1".to_owned(),
            weight: 6,
            is_backup: false,
            served: Some(117),
            sessions: Some(2),
        };
        let spare =
            Stat { server: "spare".to_owned(), weight: 50, is_backup: true, served: None, sessions: None };
        assert_eq!(parse(answer, "app"), Ok(vec![c1, spare]));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (answer, message) in [
            ("", "no server of app is in it"),
            ("# pxname,svname,weight\napp,c1,6\n", "missing field `bck`"),
            ("# pxname,svname,weight,bck\napp,c1,x,0\n", "invalid digit"),
            ("HTTP/1.1 400 Bad Request\r\n\r\nno", "missing field"),
        ] {
            let problem = parse(answer, "app").unwrap_err();
            assert!(problem.contains(message), "{problem}");
        }
    }
}
