// How much a registered label looks as if a program had made it up, told by its letters alone.
#pragma once

#include <cstdint>
#include <string_view>

namespace picket {

// In 1/256 bit: how many times likelier (log2) the label is among names that malware of unseen families
// generates than among harmless ones, within -4 and 8 bits. 0 for what the model is not asked about: labels
// of less than five characters or more than 63, punycode, and other than lower-case letters, digits, '-' and
// '_'. Logistic regression over hashed n-grams and, where that leaves it open, a small convolutional network,
// both in integers (data/models/dga.txt), so every machine agrees.
std::int32_t dga_score(std::string_view label);

}  // namespace picket
