//! The command line as people and scripts meet it: processes, files, output and exit codes.

#[cfg(test)]
mod demo;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod import_errors;
#[cfg(test)]
mod muniment;
#[cfg(test)]
mod verify;
