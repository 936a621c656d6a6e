//! Values of expressions, among them those that only a run of bake has.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::measured::{Measure, Measured, TooLarge};

/// Beyond this, not every integer has a number of its own.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// More beginnings than this say nothing about a text.
const MAX_STARTS: usize = 8;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Unknown(Unknown),
    Null,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    List(Rc<Measured<Vec<Value>>>),
    Object(Rc<Measured<BTreeMap<String, Value>>>),
}

/// A value that the files alone do not determine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Why, as in "the variable `TAG` has no default".
    pub why: Rc<str>,
    /// What it begins with: one of these, if it is a text and any are known.
    pub starts: Vec<String>,
}

/// A text, or why it is not known.
pub type Text = Result<String, Unknown>;

impl Unknown {
    pub(super) fn new(why: impl AsRef<str>) -> Self {
        Self { why: why.as_ref().into(), starts: Vec::new() }
    }
}

impl Value {
    pub(super) fn unknown(why: impl AsRef<str>) -> Self {
        Self::Unknown(Unknown::new(why))
    }

    pub(super) fn list(elements: Vec<Self>) -> Self {
        let parts: Vec<Measure> = elements.iter().map(Self::measure).collect();
        match Measured::new(elements, 0, &parts) {
            Ok(list) => Self::List(Rc::new(list)),
            Err(TooLarge) => Self::unknown("a list is too large"),
        }
    }

    pub(super) fn object(members: BTreeMap<String, Self>) -> Self {
        let parts: Vec<Measure> = members.values().map(Self::measure).collect();
        let key_bytes = members.keys().map(String::len).sum();
        match Measured::new(members, key_bytes, &parts) {
            Ok(object) => Self::Object(Rc::new(object)),
            Err(TooLarge) => Self::unknown("an object is too large"),
        }
    }

    /// A number that is exact; unknown otherwise, because bake computes with more digits than we do.
    pub(super) fn exact(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() < MAX_EXACT {
            Self::Number(number)
        } else {
            Self::unknown("a result of arithmetic is not a small integer")
        }
    }

    /// One of two values, nobody knows which.
    pub(super) fn either(first: &Self, second: &Self, why: &Unknown) -> Self {
        let mut starts: Vec<String> = Vec::new();
        for side in [first, second] {
            match side {
                Self::Text(text) => starts.push(text.to_string()),
                Self::Unknown(unknown) => starts.extend(unknown.starts.iter().cloned()),
                _ => {}
            }
        }
        starts.truncate(MAX_STARTS);
        Self::Unknown(Unknown { why: Rc::clone(&why.why), starts })
    }

    fn measure(&self) -> Measure {
        match self {
            Self::List(list) => list.measure,
            Self::Object(object) => object.measure,
            Self::Text(text) => Measure { size: 1 + text.len(), levels: 0, is_known: true },
            Self::Unknown(_) => Measure { size: 1, levels: 0, is_known: false },
            Self::Null | Self::Bool(_) | Self::Number(_) => Measure { size: 1, levels: 0, is_known: true },
        }
    }

    fn is_known(&self) -> bool {
        self.measure().is_known
    }

    /// The first part of it that is not known, however deep.
    pub(super) fn unknown_part(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(unknown) => Some(unknown),
            Self::List(list) => list.iter().find(|value| !value.is_known())?.unknown_part(),
            Self::Object(object) => object.values().find(|value| !value.is_known())?.unknown_part(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => None,
        }
    }

    /// How many values it is made of, bytes of texts included.
    pub(super) fn size(&self) -> usize {
        self.measure().size
    }

    /// What it is called in messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// As a text, as HCL converts numbers and booleans.
    pub(super) fn to_text(&self) -> Text {
        match self {
            Self::Unknown(unknown) => Err(unknown.clone()),
            Self::Bool(value) => Ok(value.to_string()),
            Self::Number(value) => Ok(value.to_string()),
            Self::Text(text) => Ok(text.to_string()),
            Self::Null | Self::List(_) | Self::Object(_) => {
                Err(Unknown::new(format!("{} is not a string", self.kind())))
            }
        }
    }

    pub(super) fn to_bool(&self) -> Result<bool, Unknown> {
        match self {
            Self::Unknown(unknown) => Err(unknown.clone()),
            Self::Bool(value) => Ok(*value),
            Self::Text(text) if matches!(&**text, "true" | "1") => Ok(true),
            Self::Text(text) if matches!(&**text, "false" | "0") => Ok(false),
            _ => Err(Unknown::new(format!("{} is not a boolean", self.kind()))),
        }
    }

    pub(super) fn to_number(&self) -> Result<f64, Unknown> {
        match self {
            Self::Unknown(unknown) => Err(unknown.clone()),
            Self::Number(value) => Ok(*value),
            Self::Text(text) => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                number.ok_or_else(|| Unknown::new(format!("`{text}` is not a number")))
            }
            _ => Err(Unknown::new(format!("{} is not a number", self.kind()))),
        }
    }

    /// A number that counts or indexes something.
    pub(super) fn to_integer(&self) -> Result<i64, Unknown> {
        let number = self.to_number()?;
        if number.fract() != 0.0 || number.abs() >= MAX_EXACT {
            return Err(Unknown::new(format!("{number} is not a small integer")));
        }
        #[expect(clippy::cast_possible_truncation, reason = "integers below 2^53 are exact in both types")]
        Ok(number as i64)
    }

    pub(super) fn to_list(&self) -> Result<Rc<Measured<Vec<Self>>>, Unknown> {
        match self {
            Self::Unknown(unknown) => Err(unknown.clone()),
            Self::List(elements) => Ok(Rc::clone(elements)),
            _ => Err(Unknown::new(format!("{} is not a list", self.kind()))),
        }
    }

    pub(super) fn to_object(&self) -> Result<Rc<Measured<BTreeMap<String, Self>>>, Unknown> {
        match self {
            Self::Unknown(unknown) => Err(unknown.clone()),
            Self::Object(members) => Ok(Rc::clone(members)),
            _ => Err(Unknown::new(format!("{} is not an object", self.kind()))),
        }
    }

    /// Keys and elements: a list's keys are its indices.
    pub(super) fn elements(&self) -> Result<Vec<(Self, Self)>, Unknown> {
        match self {
            Self::Unknown(unknown) => Err(unknown.clone()),
            Self::List(elements) => {
                Ok((0_u32..).map(|index| Self::Number(index.into())).zip(elements.iter().cloned()).collect())
            }
            Self::Object(members) => {
                Ok(members.iter().map(|(key, value)| (key.as_str().into(), value.clone())).collect())
            }
            _ => Err(Unknown::new(format!("{} has no elements", self.kind()))),
        }
    }

    /// Whether both are the same, of the same type.
    pub(super) fn is_equal(&self, other: &Self) -> Result<bool, Unknown> {
        if let Some(unknown) = self.unknown_part().or_else(|| other.unknown_part()) {
            return Err(unknown.clone());
        }
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => one == two,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::List(one), Self::List(two)) => {
                one.len() == two.len() && all_equal(one.iter().zip(two.iter()))?
            }
            (Self::Object(one), Self::Object(two)) => {
                one.keys().eq(two.keys()) && all_equal(one.values().zip(two.values()))?
            }
            _ => false,
        })
    }
}

fn all_equal<'v>(pairs: impl Iterator<Item = (&'v Value, &'v Value)>) -> Result<bool, Unknown> {
    for (one, two) in pairs {
        if !one.is_equal(two)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Result<Self, Unknown>> for Value {
    fn from(result: Result<Self, Unknown>) -> Self {
        result.unwrap_or_else(Self::Unknown)
    }
}
