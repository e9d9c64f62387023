//! The store at its boundary.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod faulty;
#[cfg(test)]
mod fsck;
#[cfg(test)]
mod install;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod raft_log;
#[cfg(test)]
mod repair;
#[cfg(test)]
mod support;
