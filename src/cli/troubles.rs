//! What goes wrong when the work of a command is done: all of it is said, and nothing keeps the rest from being done.

use super::output::Output;
use crate::error::Error;
use crate::exit::Exit;

/// Says each error, and knows the worst exit code.
pub(super) struct Troubles<'o> {
    output: &'o Output,
    exit: Exit,
}

impl<'o> Troubles<'o> {
    /// Begins with how the work itself ended.
    pub(super) fn new(output: &'o Output, exit: Exit) -> Self {
        Self { output, exit }
    }

    /// Says what went wrong, if something did.
    pub(super) fn say<T>(&mut self, result: Result<T, Error>) {
        if let Err(error) = result {
            self.output.error(&error);
            self.exit = self.exit.worse_of(error.kind().into());
        }
    }

    /// How the command ends.
    pub(super) fn exit(self) -> Exit {
        self.exit
    }
}
