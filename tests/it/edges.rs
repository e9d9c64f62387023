//! The edges between our crates are those of `docs/ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Edges = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the project")
}

/// The table between the two marks of the document.
fn documented() -> Edges {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the document is there");
    let (_, after) = text.split_once("<!-- edges: begin -->").expect("the begin mark is there");
    let (table, _) = after.split_once("<!-- edges: end -->").expect("the end mark is there");
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].to_owned(), cells[1].split_whitespace().map(str::to_owned).collect())
    })
    .collect()
}

/// What Cargo knows: normal and build dependencies on members of the workspace.
fn actual() -> Edges {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages is a list");
    let text = |value: &serde_json::Value| value.as_str().expect("names are text").to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies is a list");
            let ours = dependencies.iter().filter(|d| d["path"].is_string() && d["kind"] != "dev");
            (text(&package["name"]), ours.map(|d| text(&d["name"])).collect())
        })
        .collect()
}

#[test]
fn the_edges_between_crates_are_those_of_the_architecture() {
    assert_eq!(actual(), documented(), "left: Cargo, right: docs/ARCHITECTURE.md");
}
