//! What `muniment` needs to call this ledger at once: a trust file, and a context for each bureau.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use muniment_core::founding::Founding;
use muniment_core::trust::TrustFile;
use toml::{Table, Value};

use super::bureau::Bureau;

/// Where the contexts are.
pub(super) fn file(root: &Path) -> PathBuf {
    root.join("contexts.toml")
}

/// Writes `trust.json` and `contexts.toml`: each bureau's service and its operator, at all members, with the bureau's own
/// first. Paths are relative to the file, so that the directory may be moved.
///
/// # Errors
/// What the disk answers.
pub(super) fn write(root: &Path, bureaus: &[Bureau], founding: &Founding) -> anyhow::Result<()> {
    let trust = root.join("trust.json");
    fs::write(&trust, TrustFile::of_founding(founding).to_json())
        .with_context(|| format!("write {}", trust.display()))?;
    let authorities: Vec<Value> = bureaus.iter().map(|bureau| Value::from(authority(bureau))).collect();
    let mut contexts = Table::new();
    for (position, bureau) in bureaus.iter().enumerate() {
        let code = bureau.about.code;
        let own = founding.founders.iter().skip(position).chain(founding.founders.iter().take(position));
        let endpoints: Vec<Value> =
            own.map(|founder| Value::from(founder.contact.client_address.clone())).collect();
        let number = i64::try_from(position + 1).context("a small number")?;
        for (name, certificate) in [(code.to_owned(), "client"), (format!("{code}-admin"), "admin")] {
            let context = Table::from_iter([
                ("endpoints".to_owned(), Value::Array(endpoints.clone())),
                ("certificate".to_owned(), Value::from(format!("{code}/{certificate}.pem"))),
                ("key".to_owned(), Value::from(format!("{code}/{certificate}.key"))),
                ("authorities".to_owned(), Value::Array(authorities.clone())),
                ("trust".to_owned(), Value::from("trust.json")),
                ("state".to_owned(), Value::from(format!("state/{name}"))),
                ("bureau".to_owned(), Value::from(number)),
            ]);
            contexts.insert(name, Value::from(context));
        }
    }
    let current = bureaus.first().map_or("", |bureau| bureau.about.code);
    let table = Table::from_iter([
        ("current".to_owned(), Value::from(current)),
        ("contexts".to_owned(), Value::from(contexts)),
    ]);
    let path = file(root);
    fs::write(&path, table.to_string()).with_context(|| format!("write {}", path.display()))
}

fn authority(bureau: &Bureau) -> Table {
    Table::from_iter([
        ("trust_domain".to_owned(), Value::from(bureau.trust_domain())),
        ("ca".to_owned(), Value::from(format!("{}/ca.pem", bureau.about.code))),
    ])
}
