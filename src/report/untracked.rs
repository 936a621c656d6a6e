//! What is said of files that no build gets because git does not track them.

use crate::inputs::UntrackedInput;

/// How many files are named.
const MAX_NAMED: usize = 5;

/// One line a file, and one for those beyond the first few.
pub fn lines(untracked: &[UntrackedInput]) -> Vec<String> {
    // A line that says there is one more is no shorter than that one.
    let shown = if untracked.len() == MAX_NAMED + 1 { untracked.len() } else { MAX_NAMED };
    let mut lines: Vec<String> = untracked.iter().take(shown).map(line).collect();
    if let more @ 1.. = untracked.len().saturating_sub(shown) {
        lines.push(format!("untracked and not built: {more} more files, which `git status` lists"));
    }
    lines
}

fn line(file: &UntrackedInput) -> String {
    let UntrackedInput { path, line, source, project: _ } = file;
    format!("untracked and not built: `{path}` would match `{line}` ({source}); `git add {path}`")
}
