//! The known-good control of a check: a harness that fails it is broken, and accuses nobody.

use super::{Recovery, Session, options};
use crate::e2fsck::E2fsck;
use crate::on_shuttle;
use crate::on_std::recovery::Judge;
use crate::request::{Conformance, Request};
use cutpoint::crash::CutMode;
use cutpoint::explore::{self, Options, Outcome, Shard};
use std::cell::RefCell;
use std::ops::ControlFlow;

impl Session {
    /// Controls the recovery and the oracles by one execution of the correct protocol, which must
    /// be judged sound with nothing lost, and not with everything lost. Only for a variant: for the
    /// correct protocol itself it would be circular, and could hide what is wrong with it.
    pub(super) fn control(&mut self, request: &Request) -> Result<(), String> {
        let is_judged = request.conformance != Conformance::Only;
        if request.variant.is_none() || request.crash == CutMode::Off || !is_judged {
            return Ok(());
        }
        self.control_by(request, self.recovery.correct.clone())
    }

    fn control_by(&mut self, request: &Request, judge: Judge) -> Result<(), String> {
        let recovery = Recovery {
            judge,
            correct: self.recovery.correct.clone(),
            contract: self.recovery.contract,
            e2fsck: E2fsck::find(self.base.block_size),
            unjudged: RefCell::default(),
            following: None,
            mode: request.crash,
        };
        let body = on_shuttle::runtime::body(&request.scenario, None, request.design);
        let body = body.ok_or("there is no correct protocol to run")?;
        let options = Options {
            executions: Some(1),
            // Whatever part is asked for: any execution of the correct protocol will do.
            shard: Shard::WHOLE,
            ..options(request)
        };
        let mut result = Err("the correct protocol does not run".into());
        explore::dpor::explore(&options, body, &mut |execution| {
            result = match execution.outcome {
                Outcome::Finished => {
                    let controlled = self.checker.control_by(execution.log, &recovery);
                    controlled.map_err(|failure| failure.to_string())
                }
                _ => Err("the correct protocol does not end well".into()),
            };
            ControlFlow::Break(())
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::on_std;
    use crate::request::Design;
    use cutpoint::crash::{CrashFinding, Observations};
    use std::rc::Rc;

    fn controlled_by(judge: Judge) -> Result<(), String> {
        let request = Request::new("writeback_vs_truncate", None);
        let mut session = Session::new(&request).expect("there is such a scenario");
        let result = session.control_by(&request, judge);
        assert_eq!(
            session.checker.stats().recoveries_run,
            0,
            "nobody is accused"
        );
        result
    }

    #[test]
    fn the_correct_protocol_controls_the_harness() {
        let correct = on_std::recovery::judge(None, Design::Im);
        let correct = correct.expect("the correct protocol");
        assert_eq!(controlled_by(correct), Ok(()));
    }

    #[test]
    fn broken_oracles_are_told_by_the_control() {
        let accepts: Judge = Rc::new(|_, _, _, _| Ok((Observations::default(), None)));
        let refuses: Judge = Rc::new(|_, _, _, _| {
            Err(CrashFinding {
                invariant: "I20",
                expected: "what is never there".into(),
                observed: "what there is".into(),
            })
        });
        let panics: Judge =
            Rc::new(|disk, _, _, _| panic!("{} blocks are too many", disk.blocks()));
        for (judge, words) in [
            (accepts, "the oracle accepts the base image"),
            (refuses, "fails although nothing is lost: I20"),
            (panics, "blocks are too many"),
        ] {
            let why = controlled_by(judge).expect_err("it is broken");
            assert!(why.contains(words), "{why}");
        }
    }
}
