//! Panics of one thread: a task's panic ends the task and nothing else, so without this nobody would hear of it.

use std::cell::RefCell;
use std::panic;
use std::sync::{Arc, Mutex, Once};

use crate::swarm::machine::lock;

/// What panics of a thread said, in order; may be read from another thread. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Panics(Arc<Mutex<Vec<String>>>);

thread_local! {
    static OF_THREAD: RefCell<Option<Panics>> = const { RefCell::new(None) };
}

impl Panics {
    /// Notes the panics of this thread from now on, instead of printing them: they are told with the run's seed.
    pub fn watch(&self) {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let watched = OF_THREAD.with_borrow(Clone::clone);
                match watched {
                    Some(Self(messages)) => lock(&messages).push(info.to_string()),
                    None => before(info),
                }
            }));
        });
        OF_THREAD.set(Some(self.clone()));
    }

    /// What they said so far.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        lock(&self.0).clone()
    }
}
