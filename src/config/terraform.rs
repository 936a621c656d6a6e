//! `[terraform]`: who applies it.

use super::fields::Item;
use super::identity;
use crate::model::AwsIdentity;

pub(super) const KEYS: &[&str] = &identity::KEYS;

pub(super) fn read(item: Item<'_>) -> Option<AwsIdentity> {
    item.fields(KEYS).map(|fields| identity::read(&fields))
}
