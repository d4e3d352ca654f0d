//! Words of command lines that people are told to type.

/// A word as a POSIX shell reads it: in quotes where it has anything that a shell would take for its own.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise() {
        for (word, expected) in [
            ("/opt/deploy/app", "/opt/deploy/app"),
            ("--zone=eu", "--zone=eu"),
            ("", "''"),
            ("eu west", "'eu west'"),
            ("$HOME", "'$HOME'"),
            ("ben's", r"'ben'\''s'"),
        ] {
            assert_eq!(shell_word(word), expected);
        }
    }
}
