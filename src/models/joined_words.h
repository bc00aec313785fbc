// Whether a registered label is made as families of malware make names that join words from a list.
#pragma once

#include <string_view>

namespace picket {

// Joined from two or more words of data/models/words.txt without a rest (seven letters and more, four to a
// word but for one), or as long as that usually makes it: twelve letters and more, nothing else. Hyphens
// may stand between, and up to four digits at the end. Of labels that such families made 98 to 100 in a
// hundred are, of chosen ones 20 to 66 (data/models/README.md): one name says nothing, that all names of a
// host are so does. `label` is of lower-case letters, digits, '-' and '_', at most 63.
bool looks_joined(std::string_view label);

}  // namespace picket
