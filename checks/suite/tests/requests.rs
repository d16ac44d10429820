//! What can not be checked is refused, with a word on what to do.

use cutpoint_suite::check::check;
use cutpoint_suite::request::{Design, Engine, Request};

fn refusal(request: &Request) -> String {
    check(request, &mut |_| ()).unwrap_err().to_string()
}

#[test]
fn unknown_names_are_refused() {
    let text = refusal(&Request::new("nonesuch", None));
    assert!(text.contains("cutpoint list"), "{text}");
    let text = refusal(&Request::new("writeback_vs_truncate", Some("nonesuch")));
    assert!(text.contains("wb_lookup_unlocked"), "{text}");
}

#[test]
fn what_an_engine_can_not_do_is_refused() {
    let mut request = Request::new("revoke_and_reuse", None);
    request.design = Design::Bh;
    assert!(refusal(&request).contains("--design im"));
    let mut request = Request::new("writeback_vs_truncate", None);
    request.engine = Engine::Random;
    request.preemptions = Some(2);
    assert!(refusal(&request).contains("--preemptions"));
}
