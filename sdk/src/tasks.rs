//! The one place where this crate starts a task.

use tokio::task::JoinHandle;

use crate::driver::Driver;

/// Starts a driver. It ends by itself when the last handle has gone.
#[expect(
    clippy::disallowed_methods,
    reason = "the task outlives every handle, to say goodbye; `Client::close` awaits it"
)]
pub(crate) fn start(driver: Driver) -> JoinHandle<()> {
    tokio::spawn(driver.run())
}
