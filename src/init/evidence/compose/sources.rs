//! Where the builder would take contexts and secrets from.

use super::interpolation::Text;
use super::value::Value;
use crate::init::evidence::{NamedContext, SecretFrom, resolve};

/// As the builder tells what it fetches itself from a folder.
pub(super) fn is_remote(context: &str) -> bool {
    context.contains("://") || ["github.com/", "git@"].iter().any(|prefix| context.starts_with(prefix))
}

pub(super) fn named_context(value: &Value) -> Result<NamedContext, String> {
    let text = match value.text() {
        Some(Text::Known(text)) => text,
        Some(Text::Unknown { written, why }) => return Err(format!("it is `{written}`, and {why}")),
        None => return Err("it is no text".to_owned()),
    };
    if let Some(service) = text.strip_prefix("service:") {
        return Ok(NamedContext::Build(service.to_owned()));
    }
    if let Some(image) = text.strip_prefix("docker-image://") {
        return Ok(NamedContext::Image(image.to_owned()));
    }
    if is_remote(text) {
        return Err(format!("`{text}` is not in the repository"));
    }
    let folder = resolve(&value.at.file.folder, text);
    folder.map(NamedContext::Folder).ok_or_else(|| format!("`{text}` is outside of the repository"))
}

pub(super) fn secret_from(secret: &Value) -> Result<SecretFrom, String> {
    let known = |key: &str| match secret.get(key).map(|value| (value, value.text())) {
        None => Ok(None),
        Some((value, Some(Text::Known(text)))) => Ok(Some((value, text))),
        Some((_, Some(Text::Unknown { written, why }))) => {
            Err(format!("its `{key}` is `{written}`, and {why}"))
        }
        Some((_, None)) => Err(format!("its `{key}` is no text")),
    };
    if let Some((_, variable)) = known("environment")? {
        return Ok(SecretFrom::Environment(variable.clone()));
    }
    let Some((value, file)) = known("file")? else {
        return Err("it comes from neither a file nor a variable".to_owned());
    };
    let path = resolve(&value.at.file.folder, file);
    path.map(SecretFrom::File).ok_or_else(|| format!("its file `{file}` is outside of the repository"))
}
