# Renders a page: lines that begin with `# ` are headings, `- ` items; what is between blank lines is a paragraph.
function close_block() { if (block) print "</" block ">"; block = "" }
function open_block(name) { if (block != name) { close_block(); print "<" name ">"; block = name } }

BEGIN { print "<!doctype html><meta charset=utf-8>" }
{ gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;") }
/^# / { close_block(); print "<h1>" substr($0, 3) "</h1>"; next }
/^- / { open_block("ul"); print "<li>" substr($0, 3) "</li>"; next }
/^$/ { close_block(); next }
{ open_block("p"); print }
END { close_block() }
