//! The command line as people and scripts meet it: processes, files, output and exit codes.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod contexts;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod import;
#[cfg(test)]
mod import_errors;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod muniment;
#[cfg(test)]
mod records;
#[cfg(test)]
mod verify;
