//! Where git's configuration comes from, as the environment says (git-config(1)), and which repositories of others it
//! calls safe.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::{Config, ConfigLevel};

use super::GitError;
use super::handle::Handle;

/// What the environment says about git's configuration.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// In place of the system's file.
    system: FileChoice,
    /// In place of the user's files.
    global: FileChoice,
    /// Keys in lower case and values that stand above all files.
    settings: Vec<(String, Vec<u8>)>,
    home: Option<PathBuf>,
    /// Who called `sudo`: the repositories of this user are root's own.
    sudo_user: Option<u32>,
}

/// Which file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum FileChoice {
    /// The usual ones.
    #[default]
    Usual,
    This(PathBuf),
    None,
}

impl Configuration {
    /// Reads `GIT_CONFIG_GLOBAL`, `GIT_CONFIG_SYSTEM`, `GIT_CONFIG_NOSYSTEM`, `GIT_CONFIG_COUNT` with its keys and values,
    /// `GIT_CONFIG_PARAMETERS`, `HOME` and `SUDO_UID`.
    ///
    /// # Errors
    /// [`GitError::Settings`] when settings are not as git takes them.
    pub fn read(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, GitError> {
        let file = |name| variable(name).map_or(FileChoice::Usual, |path| FileChoice::This(path.into()));
        let no_system = variable("GIT_CONFIG_NOSYSTEM");
        let no_system = no_system.is_some_and(|value| Config::parse_bool(value.as_bytes()).unwrap_or(false));
        let mut settings = counted(variable)?;
        if let Some(parameters) = variable("GIT_CONFIG_PARAMETERS") {
            settings.extend(
                quoted(parameters.as_bytes())
                    .ok_or_else(|| bad("GIT_CONFIG_PARAMETERS", "is not as `git -c` writes it"))?,
            );
        }
        Ok(Self {
            system: if no_system { FileChoice::None } else { file("GIT_CONFIG_SYSTEM") },
            global: file("GIT_CONFIG_GLOBAL"),
            settings,
            home: variable("HOME").map(PathBuf::from),
            sudo_user: variable("SUDO_UID").and_then(|id| id.to_str()?.parse().ok()),
        })
    }

    /// Whether something besides the files of libgit2 may configure how files are stored.
    pub(super) fn has_settings(&self) -> bool {
        self.settings.iter().any(|(key, _)| key != "safe.directory")
    }

    /// The files of the system and the user, those that count more last.
    fn files(&self) -> Vec<(PathBuf, ConfigLevel)> {
        let usual = |found: Result<PathBuf, git2::Error>, level| found.ok().map(|path| (path, level));
        let system = match &self.system {
            FileChoice::Usual => usual(Config::find_system(), ConfigLevel::System),
            FileChoice::This(file) => Some((file.clone(), ConfigLevel::System)),
            FileChoice::None => None,
        };
        let global = match &self.global {
            FileChoice::Usual => vec![
                usual(Config::find_xdg(), ConfigLevel::XDG),
                usual(Config::find_global(), ConfigLevel::Global),
            ],
            FileChoice::This(file) => vec![Some((file.clone(), ConfigLevel::Global))],
            FileChoice::None => Vec::new(),
        };
        let files = [system].into_iter().chain(global).flatten();
        files.filter(|(path, _)| path.exists()).collect()
    }

    /// Gives a repository these files, where they are not those that libgit2 has read.
    pub(super) fn apply(&self, repository: &git2::Repository) -> Result<(), git2::Error> {
        if self.system == FileChoice::Usual && self.global == FileChoice::Usual {
            return Ok(());
        }
        let mut config = Config::new()?;
        for (file, level) in self.files() {
            config.add_file(&file, level, true)?;
        }
        config.add_file(&repository.commondir().join("config"), ConfigLevel::Local, true)?;
        let of_work_tree = repository.path().join("config.worktree");
        if config.get_bool("extensions.worktreeconfig").unwrap_or(false) && of_work_tree.exists() {
            config.add_file(&of_work_tree, ConfigLevel::Worktree, true)?;
        }
        repository.set_config(&config)
    }

    /// Whether the repository belongs to whoever runs this, or is called safe by the system's or the user's files or the
    /// environment: what a repository says of itself does not count.
    pub(super) fn is_safe(&self, repository: &Handle) -> Result<bool, git2::Error> {
        let root = repository.work_dir().unwrap_or_else(|| repository.git_dir());
        let link = root.join(".git");
        let own = [root, &link, repository.git_dir()].into_iter().all(|path| self.is_own(path));
        if own {
            return Ok(true);
        }
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let mut is_safe = false;
        for (file, _) in self.files() {
            let config = Config::open(&file)?;
            config.entries(None)?.for_each(|entry| {
                if entry.name_bytes() == b"safe.directory" {
                    let value = if entry.has_value() { entry.value_bytes() } else { b"" };
                    self.judge(value, &root, &mut is_safe);
                }
            })?;
        }
        for (_, value) in self.settings.iter().filter(|(key, _)| key == "safe.directory") {
            self.judge(value, &root, &mut is_safe);
        }
        Ok(is_safe)
    }

    /// Applies one value of `safe.directory`; an empty one takes all before it back.
    fn judge(&self, value: &[u8], root: &Path, is_safe: &mut bool) {
        match value {
            b"" => *is_safe = false,
            b"*" => *is_safe = true,
            _ => *is_safe |= self.is_meant(value, root),
        }
    }

    fn is_meant(&self, value: &[u8], root: &Path) -> bool {
        let path = Path::new(OsStr::from_bytes(value));
        let path = match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path.to_owned(),
        };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.file_name() == Some(OsStr::new("*")) {
            let above = path.parent().map(real);
            return above.is_some_and(|above| root != above && root.starts_with(above));
        }
        path.is_absolute() && real(&path) == root
    }

    /// What isn't there belongs to nobody else.
    fn is_own(&self, path: &Path) -> bool {
        let user = rustix::process::geteuid().as_raw();
        let Ok(metadata) = path.symlink_metadata() else { return true };
        metadata.uid() == user || (user == 0 && self.sudo_user == Some(metadata.uid()))
    }
}

/// `GIT_CONFIG_COUNT` pairs of `GIT_CONFIG_KEY_<n>` and `GIT_CONFIG_VALUE_<n>`.
fn counted(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Vec<(String, Vec<u8>)>, GitError> {
    const COUNT: &str = "GIT_CONFIG_COUNT";
    let Some(count) = variable(COUNT).filter(|count| !count.is_empty()) else { return Ok(Vec::new()) };
    let count: Option<usize> = count.to_str().and_then(|count| count.parse().ok());
    let count = count.ok_or_else(|| bad(COUNT, "is no number"))?;
    let one = |name: String| variable(&name).ok_or_else(|| bad(&name, "is not set"));
    let pair = |number| {
        let key = one(format!("GIT_CONFIG_KEY_{number}"))?.to_string_lossy().to_lowercase();
        Ok((key, one(format!("GIT_CONFIG_VALUE_{number}"))?.into_vec()))
    };
    (0..count).map(pair).collect()
}

/// `'key'='value'` or, as git before 2.31 wrote it, `'key=value'`, with spaces between them.
fn quoted(text: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut settings = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let (mut key, after) = unquoted(rest)?;
        let (value, after) = match after.strip_prefix(b"=") {
            Some(after) if after.starts_with(b"'") => unquoted(after)?,
            Some(after) => (Vec::new(), after),
            None => {
                let end = key.iter().position(|&byte| byte == b'=').unwrap_or(key.len());
                let value = key.split_off(end);
                (value.get(1..).unwrap_or_default().to_owned(), after)
            }
        };
        settings.push((String::from_utf8_lossy(&key).to_lowercase(), value));
        rest = after.trim_ascii_start();
    }
    Some(settings)
}

/// A word in single quotes, in which a shell's `'\''` and `'\!'` stand for themselves; and what comes after it.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"'")?;
    let mut word = Vec::new();
    loop {
        let end = rest.iter().position(|&byte| byte == b'\'')?;
        word.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest {
            [b'\\', escaped @ (b'\'' | b'!'), b'\'', after @ ..] => {
                word.push(*escaped);
                rest = after;
            }
            _ => return Some((word, rest)),
        }
    }
}

fn bad(variable: &str, reason: &'static str) -> GitError {
    GitError::Settings { variable: variable.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_puts_into_the_environment_of_its_commands_is_read() {
        let pairs = |text: &str| {
            let settings = quoted(text.as_bytes())?;
            Some(
                settings
                    .into_iter()
                    .map(|(key, value)| (key, String::from_utf8(value).unwrap()))
                    .collect::<Vec<_>>(),
            )
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());

        assert_eq!(pairs(""), Some(Vec::new()));
        assert_eq!(
            pairs(r"'safe.Directory'='it'\''s a=b' 'core.x'= 'old.key=a=b' 'no.value'"),
            Some(vec![
                pair("safe.directory", "it's a=b"),
                pair("core.x", ""),
                pair("old.key", "a=b"),
                pair("no.value", ""),
            ])
        );
        assert_eq!(pairs("'open"), None);
        assert_eq!(pairs("none"), None);
    }
}
