//! Seeded bugs: each a protocol with one wrong step. Compiled once for each runtime.

use super::extfs;

pub mod disksize_before_io;
pub mod map_without_cookie;
pub mod truncate_without_orphan;
pub mod wb_lookup_unlocked;

/// Evaluates `$call` with the type `$protocol` standing for the variant of that name, or for the
/// correct protocol. The value is an `Option`: `None` if there is no such variant.
macro_rules! with_protocol {
    ($variant:expr, $variants:path, $protocol:ident => $call:expr) => {{
        use $variants as variants;
        with_protocol!(@match $variant, $protocol => $call;
            variants::disksize_before_io::DisksizeBeforeIo = "disksize_before_io",
            variants::map_without_cookie::MapWithoutCookie = "map_without_cookie",
            variants::truncate_without_orphan::TruncateWithoutOrphan = "truncate_without_orphan",
            variants::wb_lookup_unlocked::WbLookupUnlocked = "wb_lookup_unlocked",
        )
    }};
    (@match $variant:expr, $protocol:ident => $call:expr; $($ty:ty = $name:literal,)*) => {
        match $variant {
            None => {
                type $protocol = super::extfs::protocol::Correct;
                Some($call)
            }
            $(Some($name) => {
                type $protocol = $ty;
                Some($call)
            })*
            Some(_) => None,
        }
    };
}
pub(crate) use with_protocol;
