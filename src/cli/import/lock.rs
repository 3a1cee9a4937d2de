//! Two imports that read one file, or write one file of rejects, would undo each other's work: each file is locked by the
//! one that uses it. The lock goes with the process, however that ends.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Takes the file for as long as it is open.
///
/// # Errors
/// Another import has it. Where a file system has no locks, as some network ones for what is only read, nobody is kept out.
pub(super) fn take(file: &File) -> io::Result<()> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) | Err(Errno::BADF | Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(io::Error::other("another import is at it: wait for its end, or stop it")),
        Err(errno) => Err(errno.into()),
    }
}
