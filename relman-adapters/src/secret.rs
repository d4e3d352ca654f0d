//! Tokens, and URLs that work like tokens.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use thiserror::Error;

/// A token, or a URL that carries one.
///
/// It prints as `[secret]` in every format, can't be serialised, and its memory is overwritten when it is dropped.
///
/// # Examples
///
/// ```
/// use relman_adapters::secret::Secret;
///
/// let token = Secret::new("hunter2");
/// assert_eq!(format!("{token} {token:?}"), "[secret] [secret]");
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret that the program already has.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// Reads the secret from an environment variable.
    ///
    /// # Errors
    ///
    /// [`SecretError`] where the variable is not set, empty or not UTF-8. It names the variable and never the value.
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        match std::env::var(name) {
            Ok(value) if value.trim().is_empty() => {
                Err(SecretError::Variable { name: name.to_owned(), problem: "it is empty" })
            }
            Ok(value) => Ok(Self::trimmed(value)),
            Err(std::env::VarError::NotPresent) => {
                Err(SecretError::Variable { name: name.to_owned(), problem: "it is not set" })
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(SecretError::Variable { name: name.to_owned(), problem: "it is not UTF-8" })
            }
        }
    }

    /// Reads the secret from a file, without white space around it: editors end files with a line feed.
    ///
    /// # Errors
    ///
    /// [`SecretError`] where the file can't be read, is empty or is not UTF-8. It names the file and never what is
    /// in it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SecretError> {
        let path = path.as_ref();
        let failed = |problem: String| SecretError::File { path: path.to_owned(), problem };
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let value = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
        if value.trim().is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        Ok(Self::trimmed(value))
    }

    /// The value itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn trimmed(value: String) -> Self {
        // Dropped through SecretString too, so that the untrimmed copy is overwritten.
        let whole = SecretString::from(value);
        Self(SecretString::from(whole.expose_secret().trim()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret is found: `{ env = "NAME" }` or `{ file = "PATH" }` in a configuration file.
///
/// Reading the configuration doesn't read the secret; [`resolve`](Self::resolve) does. A secret that somebody wrote
/// into the configuration itself is dropped at once and refused by `resolve` and not while the file is parsed,
/// because parsers quote the offending line in their errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource(Source);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Variable(String),
    File(PathBuf),
    Wrong(&'static str),
}

impl SecretSource {
    /// The environment variable of that name.
    pub fn env(name: impl Into<String>) -> Self {
        Self(Source::Variable(name.into()))
    }

    /// The content of that file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// Reads the secret.
    ///
    /// # Errors
    ///
    /// [`SecretError`], which says where it was looked for and never what was found.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        match &self.0 {
            Source::Variable(name) => Secret::from_env(name),
            Source::File(path) => Secret::from_file(path),
            Source::Wrong(problem) => Err(SecretError::Configuration { problem }),
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where a secret is found: { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E>(self, _: &str) -> Result<SecretSource, E> {
        Ok(SecretSource(Source::Wrong("it is written into the configuration itself")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let source = match key.as_str() {
                "env" => Source::Variable(map.next_value()?),
                "file" => Source::File(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    Source::Wrong("it has a key other than `env` and `file`")
                }
            };
            found = Some(match (found, source) {
                (None, source) => source,
                (Some(wrong @ Source::Wrong(_)), _) | (Some(_), wrong @ Source::Wrong(_)) => wrong,
                (Some(Source::Variable(_) | Source::File(_)), Source::Variable(_) | Source::File(_)) => {
                    Source::Wrong("it has both `env` and `file`")
                }
            });
        }
        Ok(SecretSource(found.unwrap_or(Source::Wrong("it is an empty table"))))
    }
}

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment variable does not hold one.
    #[error("failed to read a secret from the environment variable {name}: {problem}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file does not hold one.
    #[error("failed to read a secret from the file {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The configuration does not say where it is.
    #[error(
        "failed to read a secret: {problem}; write {{ env = \"NAME\" }} or {{ file = \"PATH\" }} in its place"
    )]
    Configuration {
        /// What is wrong with it.
        problem: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Config {
        token: SecretSource,
    }

    fn resolve(text: &str) -> Result<Secret, SecretError> {
        toml::from_str::<Config>(text).unwrap().token.resolve()
    }

    #[test]
    fn a_secret_never_prints() {
        let token = Secret::new("hunter2");
        assert_eq!(
            format!("{token}|{token:?}|{token:#?}|{:?}", Some(&token)),
            "[secret]|[secret]|[secret]|Some([secret])"
        );
    }

    #[test]
    fn a_file_is_read_without_the_white_space_around_the_secret() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"  hunter2\n").unwrap();
        assert_eq!(Secret::from_file(file.path()).unwrap().expose(), "hunter2");
        let source = format!("token = {{ file = {:?} }}", file.path());
        assert_eq!(resolve(&source).unwrap().expose(), "hunter2");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = Secret::from_env("RELMAN_TEST_NO_SUCH_VARIABLE").unwrap_err().to_string();
        assert!(error.contains("RELMAN_TEST_NO_SUCH_VARIABLE: it is not set"), "{error}");
        let error = Secret::from_file("/nowhere/token").unwrap_err().to_string();
        assert!(error.contains("/nowhere/token: "), "{error}");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[0xff, 0xfe]).unwrap();
        let error = Secret::from_file(file.path()).unwrap_err().to_string();
        assert!(error.ends_with("it is not UTF-8"), "{error}");
    }

    #[test]
    fn the_environment_is_read_as_it_is() {
        // cargo sets this variable for every test.
        let name = Secret::from_env("CARGO_PKG_NAME").unwrap();
        assert_eq!(name.expose(), "relman-adapters");
        assert_eq!(resolve("token = { env = \"CARGO_PKG_NAME\" }").unwrap().expose(), "relman-adapters");
    }

    #[test]
    fn a_secret_in_the_configuration_itself_is_refused_and_not_repeated() {
        for (text, problem) in [
            ("token = \"hunter2\"", "it is written into the configuration itself"),
            ("token = { value = \"hunter2\" }", "it has a key other than `env` and `file`"),
            ("token = { env = \"X\", value = \"hunter2\" }", "it has a key other than `env` and `file`"),
            ("token = { env = \"X\", file = \"Y\" }", "it has both `env` and `file`"),
            ("token = {}", "it is an empty table"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            assert!(!format!("{config:?}").contains("hunter2"));
            let error = config.token.resolve().unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains("hunter2"), "{error}");
        }
    }
}
