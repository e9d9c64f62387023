//! Values by key, each with where it comes from; later layers win.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};

use super::keys::{Form, KEYS, Key};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Every value that was given, or has a default.
#[derive(Clone, Debug)]
pub(crate) struct Layers(BTreeMap<&'static str, (String, Origin)>);

impl Layers {
    /// Defaults, then a file, then the environment, then flags (`name=value`).
    ///
    /// # Errors
    /// An unknown key, or a value of another form, with where it stands.
    pub(crate) fn load(
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
        flags: &[String],
    ) -> anyhow::Result<Self> {
        let mut layers = Self(BTreeMap::new());
        for key in KEYS {
            if let Some(default) = key.default {
                layers.set(key.name, default.to_owned(), Origin::Default)?;
            }
        }
        if let Some(path) = file {
            layers.load_file(path)?;
        }
        for (variable, value) in variables {
            if let Some(key) = KEYS.iter().find(|key| key.variable() == variable) {
                layers.set(key.name, value, Origin::Variable(variable))?;
            } else if variable.starts_with("MUNIMENT_") && variable != "MUNIMENT_CONFIG" {
                bail!("environment variable {variable} names no key; `munimentd config default` lists them");
            }
        }
        for flag in flags {
            let (name, value) =
                flag.split_once('=').with_context(|| format!("--set {flag}: not name=value"))?;
            layers.set(name, value.to_owned(), Origin::Flag)?;
        }
        Ok(layers)
    }

    fn load_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("{}: not TOML", path.display()))?;
        let origin = Origin::File(path.to_owned());
        for (name, value) in table {
            match (Key::find(&name), value) {
                (None, toml::Value::Table(inner)) => {
                    for (inner_name, value) in inner {
                        self.set(&format!("{name}.{inner_name}"), plain(&value), origin.clone())?;
                    }
                }
                (_, value) => self.set(&name, plain(&value), origin.clone())?,
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: String, origin: Origin) -> anyhow::Result<()> {
        let Some(key) = Key::find(name) else {
            bail!("{origin}: unknown key {name:?}; `munimentd config default` lists them");
        };
        if !key.accepts(&value) {
            bail!("{origin}: {name} = {value:?} is not {}", key.expected());
        }
        self.0.insert(key.name, (value, origin));
        Ok(())
    }

    /// The value of a key that must be given.
    ///
    /// # Errors
    /// Names the key, the flag and the variable that give it.
    pub(crate) fn require(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.0.get(name).map(|(value, _)| value.as_str());
        value.with_context(|| {
            let variable = Key::find(name).map(Key::variable).unwrap_or_default();
            format!("{name} is not set: put it into the file, into {variable}, or give --set {name}=...")
        })
    }

    /// The value of a key, parsed.
    ///
    /// # Errors
    /// As [`Layers::require`], and for a value that does not parse.
    pub(crate) fn parse<T: FromStr>(&self, name: &str) -> anyhow::Result<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let value = self.require(name)?;
        value.parse().with_context(|| format!("{name} = {value:?}{}", self.whence(name)))
    }

    /// Where a value comes from, for an error.
    pub(crate) fn whence(&self, name: &str) -> String {
        self.0.get(name).map_or_else(String::new, |(_, origin)| format!(" (from {origin})"))
    }

    /// Every value with its origin, in the order of the table.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static Key, Option<&(String, Origin)>)> {
        KEYS.iter().map(|key| (key, self.0.get(key.name)))
    }
}

/// A value of the file as flags and variables would give it.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        toml::Value::Table(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
            pairs.join(",")
        }
        other => other.to_string(),
    }
}

/// The default file: every key with its meaning, those without a default commented out.
pub(crate) fn default_file() -> String {
    let mut text =
        String::from("# munimentd's configuration. A flag --set name=value and a variable come before it.\n");
    let mut table = "";
    for key in KEYS {
        let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if of != table {
            text.push_str(&format!("\n[{of}]\n"));
            table = of;
        }
        text.push_str(&format!("\n# {}\n# {}; {}\n", key.help, key.expected(), key.variable()));
        match key.default {
            None => text.push_str(&format!("#{name} =\n")),
            Some(default) => text.push_str(&format!("{name} = {}\n", written(key.form, default))),
        }
    }
    text
}

fn written(form: Form, value: &str) -> String {
    match form {
        Form::Number => value.to_owned(),
        Form::Paths | Form::Addresses if value.is_empty() => "{}".to_owned(),
        _ => toml::Value::String(value.to_owned()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: Option<&str>, variables: &[(&str, &str)], flags: &[&str]) -> anyhow::Result<Layers> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("munimentd.toml");
        if let Some(text) = file {
            std::fs::write(&path, text).expect("the file is written");
        }
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Layers::load(file.map(|_| path.as_path()), variables, &flags)
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_a_file_over_a_default_key_by_key() {
        let file = "node = 1\nnetwork = \"wan\"\n[peer]\nlisten = \"127.0.0.1:1\"\naddresses = {2 = \"b:2\", 3 = \"c:3\"}\n";
        let variables = [("MUNIMENT_NODE", "2"), ("MUNIMENT_PEER_LISTEN", "127.0.0.1:2"), ("PATH", "/bin")];
        let layers = load(Some(file), &variables, &["node=3"]).expect("it holds");
        let of = |name| layers.require(name).expect("it is set");
        assert_eq!((of("node"), of("peer.listen"), of("network")), ("3", "127.0.0.1:2", "wan"));
        assert_eq!((of("peer.addresses"), of("seal_interval_ms")), ("2=b:2,3=c:3", "200"));
        assert_eq!(layers.0["node"].1, Origin::Flag);
        assert!(matches!(layers.0["network"].1, Origin::File(_)));
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_refused_with_their_place() {
        let refused = |result: anyhow::Result<Layers>, words: &[&str]| {
            let text = format!("{:#}", result.expect_err("it is refused"));
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        };
        refused(load(Some("nod = 1\n"), &[], &[]), &["munimentd.toml", "unknown key", "nod"]);
        refused(load(Some("[peer]\nlissten = \"x\"\n"), &[], &[]), &["unknown key", "peer.lissten"]);
        refused(load(Some("node = \"one\"\n"), &[], &[]), &["node", "one", "number"]);
        refused(load(Some("node = \n"), &[], &[]), &["not TOML"]);
        refused(load(None, &[("MUNIMENT_NOD", "1")], &[]), &["MUNIMENT_NOD", "names no key"]);
        refused(load(None, &[("MUNIMENT_NETWORK", "moon")], &[]), &["MUNIMENT_NETWORK", "lan, wan"]);
        refused(load(None, &[], &["node"]), &["name=value"]);
        let layers = load(None, &[], &[]).expect("defaults hold");
        let text = layers.require("data").expect_err("it has no default").to_string();
        assert!(text.contains("MUNIMENT_DATA") && text.contains("--set data="), "{text}");
    }

    #[test]
    fn the_default_file_says_what_the_defaults_are() {
        let layers = load(Some(&default_file()), &[], &[]).expect("the default file is valid");
        let defaults = load(None, &[], &[]).expect("defaults hold");
        for ((key, from_file), (_, default)) in layers.values().zip(defaults.values()) {
            assert_eq!(from_file.map(|(value, _)| value), default.map(|(value, _)| value), "{}", key.name);
        }
    }
}
