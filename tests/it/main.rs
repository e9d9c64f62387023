//! The one integration binary: what crosses crates, and the project itself.

#[cfg(test)]
mod clocks_and_disks;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod derived_points;
#[cfg(test)]
mod detection;
mod edges;
#[cfg(test)]
mod install_crash;
#[cfg(test)]
mod load;
#[cfg(test)]
mod misfits;
#[cfg(test)]
mod repairs;
#[cfg(test)]
mod resumed_fetches;
#[cfg(test)]
mod rollbacks;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod swarm;
