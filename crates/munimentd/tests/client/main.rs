//! `muniment-client` against real members: three processes under three bureaus' CAs, and one member that lies.

#[cfg(test)]
mod failover;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod liar;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod rollback;
