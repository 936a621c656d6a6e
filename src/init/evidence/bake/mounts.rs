//! Secrets and ssh agents of steps, as text or as object.

use super::value::{Unknown, Value};

/// Where bake takes a secret from: a variable, a file, or whichever is called as the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub id: String,
    pub env: Option<String>,
    pub file: Option<String>,
}

/// Reads `type=env,id=token,env=TOKEN`, or the object that says the same.
pub(super) fn secret(value: &Value) -> Result<Secret, Unknown> {
    let mut kind = None;
    let mut secret = Secret { id: String::new(), env: None, file: None };
    for (key, value) in fields(value)? {
        match key.as_str() {
            "id" => secret.id = value,
            "type" => kind = Some(value),
            "source" | "src" => secret.file = Some(value),
            "env" => secret.env = Some(value),
            _ => return Err(Unknown::new(format!("a secret has no `{key}`"))),
        }
    }
    if secret.id.is_empty() {
        return Err(Unknown::new("a secret has no id"));
    }
    if kind.as_deref() == Some("env") && secret.env.is_none() {
        secret.env = secret.file.take();
    }
    Ok(secret)
}

/// The id of `default`, `default=/path/to/key` or an object.
pub(super) fn ssh(value: &Value) -> Result<String, Unknown> {
    match value {
        Value::Object(members) => {
            members.get("id").ok_or_else(|| Unknown::new("an ssh agent has no id"))?.to_text()
        }
        value => {
            let text = value.to_text()?;
            Ok(text.split('=').next().unwrap_or_default().to_owned())
        }
    }
}

fn fields(value: &Value) -> Result<Vec<(String, String)>, Unknown> {
    if let Value::Object(members) = value {
        let said = members.iter().filter(|(_, value)| !matches!(value, Value::Null));
        return said.map(|(key, value)| Ok((key.clone(), value.to_text()?))).collect();
    }
    let text = value.to_text()?;
    let mut fields = Vec::new();
    // Fields in quotes can have commas in them; nobody writes such ids and names.
    for field in text.split(',').map(|field| field.trim_matches('"')) {
        let pair = field.split_once('=').ok_or_else(|| Unknown::new(format!("`{field}` is not a field")))?;
        fields.push((pair.0.to_lowercase(), pair.1.to_owned()));
    }
    Ok(fields)
}
