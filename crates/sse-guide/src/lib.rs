//! The guide, compiled: each page of `docs/guide` is the documentation of a module when doc tests run, so that every snippet in it
//! is a test.
//!
//! Nothing here is for use; the pages are read where they are. `cargo xtask tidy` fails when one of them is missing here.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/getting-started.md")]
mod getting_started {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/getting-started-axum.md")]
mod getting_started_axum {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/getting-started-actix.md")]
mod getting_started_actix {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/getting-started-hyper.md")]
mod getting_started_hyper {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/deploying.md")]
mod deploying {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/clients.md")]
mod clients {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/migrating.md")]
mod migrating {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/testing.md")]
mod testing {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/writing-a-driver.md")]
mod writing_a_driver {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/errors-and-observing.md")]
mod errors_and_observing {}
