//! Processes of `munimentd`: three members under three bureaus' CAs, and who calls them: `muniment-client`, raw connections, and
//! whoever must not get in. One member that lies stands in for a fault.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod fsck;
#[cfg(test)]
mod honest;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod liar;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod load;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod misuse;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod slow_readers;
#[cfg(test)]
mod watchers;
#[cfg(test)]
mod wire;
