//! What a check remembers, as plain data, so that another process can go on with it.

use super::{Session, Unjudged};
use cutpoint::crash::CrashState;
use cutpoint::lockgraph::GraphState;
use cutpoint::state::{Numbers, intern};
use cutpoint_traces::Trace;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What a check remembers from one execution to the next.
#[derive(Serialize, Deserialize)]
pub(crate) struct SessionState {
    crash: CrashState,
    images: Numbers,
    judged: u64,
    cached: u64,
    unjudged: Unjudged,
    reached: BTreeMap<String, u64>,
    locks: GraphState,
    latent: Option<Box<Trace>>,
}

impl Session {
    /// What is remembered, between two executions.
    pub(crate) fn state(&self) -> SessionState {
        let reached = self.reached.iter();
        SessionState {
            crash: self.checker.state(),
            images: self.recovery.e2fsck.clean(),
            judged: self.recovery.e2fsck.judged(),
            cached: self.recovery.e2fsck.cached(),
            unjudged: self.recovery.unjudged.borrow().clone(),
            reached: reached.map(|(name, n)| (name.to_string(), *n)).collect(),
            locks: self.locks.state(),
            latent: self.latent.clone(),
        }
    }

    /// Remembers what another process did.
    pub(crate) fn restore(&mut self, state: SessionState) {
        let reached = state.reached.into_iter();
        self.checker.restore(state.crash);
        let e2fsck = &self.recovery.e2fsck;
        e2fsck.restore(state.images, state.judged, state.cached);
        self.recovery.unjudged = RefCell::new(state.unjudged);
        self.reached = reached.map(|(name, n)| (intern(&name), n)).collect();
        self.locks.absorb(state.locks);
        self.latent = state.latent;
    }
}
