//! Which environment variables have the logins for registries. Names only: no value is ever written down.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Host;

/// The variables that have the login for a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginVariables {
    pub user: String,
    pub password: String,
}

/// The variables of each registry, as text `<host>=<user>:<password>`, with commas or spaces between several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryLogins(BTreeMap<Host, LoginVariables>);

/// A text that does not name variables for registries.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidLogins {
    // Not shown: somebody may have put a password there.
    #[error("entry {0} is not `<host>=<user variable>:<password variable>`")]
    Entry(usize),
    #[error("`{0}` is there twice")]
    Twice(Host),
}

/// Whether a text can be the name of an environment variable, and of a build argument.
pub fn is_variable_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl RegistryLogins {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, host: &Host) -> Option<&LoginVariables> {
        self.0.get(host)
    }

    /// By host, in the order of the hosts.
    pub fn iter(&self) -> impl Iterator<Item = (&Host, &LoginVariables)> {
        self.0.iter()
    }

    /// All variables that have a password.
    pub fn passwords(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|variables| variables.password.as_str())
    }

    /// All variables that have the name of a user.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|variables| variables.user.as_str())
    }
}

impl FromIterator<(Host, LoginVariables)> for RegistryLogins {
    fn from_iter<I: IntoIterator<Item = (Host, LoginVariables)>>(logins: I) -> Self {
        Self(logins.into_iter().collect())
    }
}

impl fmt::Display for RegistryLogins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (host, LoginVariables { user, password })) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "," };
            write!(formatter, "{separator}{host}={user}:{password}")?;
        }
        Ok(())
    }
}

impl FromStr for RegistryLogins {
    type Err = InvalidLogins;

    fn from_str(text: &str) -> Result<Self, InvalidLogins> {
        let entries = text.split(|character: char| character == ',' || character.is_whitespace());
        let mut logins = BTreeMap::new();
        for (number, entry) in entries.filter(|entry| !entry.is_empty()).enumerate() {
            let (host, variables) = read(entry).ok_or(InvalidLogins::Entry(number + 1))?;
            if logins.insert(host.clone(), variables).is_some() {
                return Err(InvalidLogins::Twice(host));
            }
        }
        Ok(Self(logins))
    }
}

fn read(entry: &str) -> Option<(Host, LoginVariables)> {
    let (host, variables) = entry.split_once('=')?;
    let (user, password) = variables.split_once(':')?;
    let are_names = is_variable_name(user) && is_variable_name(password);
    let variables = LoginVariables { user: user.to_owned(), password: password.to_owned() };
    host.parse().ok().filter(|_| are_names).map(|host| (host, variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_logins_is_read_as_it_is_written() {
        let text = "ghcr.io=USER:TOKEN,localhost:5000=A:B_1";

        let logins: RegistryLogins = text.parse().unwrap();

        assert_eq!(logins.to_string(), text);
        assert_eq!(logins.get(&"localhost:5000".parse().unwrap()).unwrap().password, "B_1");
        assert_eq!(" localhost:5000=A:B_1 \n ghcr.io=USER:TOKEN".parse(), Ok(logins));
        assert_eq!("".parse(), Ok(RegistryLogins::default()));
    }

    #[test]
    fn an_error_shows_nothing_that_could_be_a_password() {
        for text in ["ghcr.io", "ghcr.io=hunter2", "ghcr.io=USER:hun-ter2", "=A:B", "ghcr.io=A:B:hunter2"] {
            let error = text.parse::<RegistryLogins>().unwrap_err();
            assert_eq!(error, InvalidLogins::Entry(1), "{text}");
            assert!(!error.to_string().contains("ter2"), "{error}");
        }
        let twice = "a.example=A:B a.example=C:D".parse::<RegistryLogins>();
        assert_eq!(twice, Err(InvalidLogins::Twice("a.example".parse().unwrap())));
    }
}
