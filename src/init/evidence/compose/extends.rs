//! Services that extend others, in the same file or another one.

use super::include::file;
use super::loader::{Loaded, Loader, Services, Unit};
use super::value::{Kind, Value};
use crate::git::GitError;
use crate::model::RepoPath;

/// Services that extend services that extend services.
const MAX_LEVELS: usize = 32;

/// A service with what it extends; the inner error says why that is not known.
///
/// # Errors
/// [`GitError`] where the tree can't be read.
pub(super) fn resolved(
    loader: &mut Loader<'_>,
    services: &Services,
    name: &str,
    unit: &mut Unit,
    loaded: &mut Loaded,
) -> Result<Result<Value, String>, GitError> {
    let mut services = services.clone();
    let mut name = name.to_owned();
    let mut chain: Vec<(RepoPath, String, Value)> = Vec::new();
    // From the service to the last one that it extends.
    loop {
        let Some(service) = services.services.get(&name) else {
            return Ok(Err(format!("`{}` has no service `{name}`, which it extends", services.path)));
        };
        if chain.iter().any(|(path, other, _)| *path == services.path && *other == name) {
            return Ok(Err(format!("`{name}` extends itself")));
        }
        if chain.len() == MAX_LEVELS {
            return Ok(Err(format!("it extends more than {MAX_LEVELS} services, one after the other")));
        }
        if !chain.is_empty() && !loader.spend(service.bytes()) {
            return Ok(Err("the Compose files stand for more than is read".to_owned()));
        }
        chain.push((services.path.clone(), name.clone(), service.clone()));
        let Some(extends) = service.get("extends") else { break };
        let in_file = extends.get("file");
        let named = if extends.text().is_some() { Some(extends) } else { extends.get("service") };
        let Some(next) = named.and_then(|named| named.text()?.known()) else {
            return Ok(Err("it extends a service whose name is not known".to_owned()));
        };
        let next = next.to_owned();
        if let Some(path) = in_file {
            let path = match file(path.text(), &extends.at.file.folder) {
                Ok(path) => path,
                Err(why) => return Ok(Err(format!("the file that it extends: {why}"))),
            };
            let is_other = path != services.path;
            services = match loader.services_of(&path, unit, &mut loaded.notes)? {
                Ok(services) => services,
                Err(why) => return Ok(Err(why)),
            };
            if is_other {
                loaded.extended.insert((path, next.clone()));
            }
        }
        name = next;
    }
    let (_, _, last) = chain.pop().expect("the service itself is in the chain");
    let merged = chain.into_iter().rev().fold(last, |base, (_, _, service)| over(base, service));
    Ok(Ok(merged))
}

/// `service` with what `base` says besides.
fn over(base: Value, service: Value) -> Value {
    let own = service.clone();
    let mut merged = moved_to(base.merged_with(service), &own);
    if let Kind::Map(map) = &mut merged.kind {
        map.remove("extends");
    }
    merged
}

/// A merged service that stands where `own` does, and so does its `build`: a context that nobody names is the folder of
/// that file.
pub(super) fn moved_to(mut merged: Value, own: &Value) -> Value {
    let at = own.at.clone();
    let build_at = own.get("build").map_or_else(|| at.clone(), |build| build.at.clone());
    if let Kind::Map(map) = &mut merged.kind
        && let Some(build) = map.get_mut("build")
    {
        build.at = build_at;
    }
    Value { at, replaces: own.replaces, ..merged }
}
