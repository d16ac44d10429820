//! No variant: only the correct protocol of each scenario.

/// Evaluates `$call` with the type `$protocol` standing for the correct protocol. The value is an
/// `Option`: `None` if a variant is asked for.
macro_rules! with_protocol {
    ($scenario:ident, $variant:expr, $protocol:ident => $call:expr) => {
        match $variant {
            None => {
                type $protocol = super::extfs::protocol::Correct;
                Some($call)
            }
            Some(_) => None,
        }
    };
}
pub(crate) use with_protocol;
