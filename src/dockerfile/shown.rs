//! Text of a Dockerfile in messages.

/// Text from a file, cut and with control characters escaped: it can't fill or steer a terminal.
pub(super) fn shown(text: &str) -> String {
    const MOST_CHARACTERS: usize = 120;
    let mut shown = String::new();
    for character in text.chars().take(MOST_CHARACTERS) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(MOST_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}
