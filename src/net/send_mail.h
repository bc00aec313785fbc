// A mail to an SMTP server. Checked against the AddressGuard like HTTP is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address_guard.h"
#include "net/send_bytes.h"

namespace picket::net {

enum class MailTransport : unsigned char {
  starttls,  // a server that does not offer TLS is refused
  tls,       // from the start, as on port 465
  plain,     // only to hosts that the guard names
};

struct MailServer {
  Peer peer;
  MailTransport transport = MailTransport::starttls;
  std::string username, password;  // empty: nobody signs in
};

// `message` with its headers, lines ending in CR LF. Errors: `invalid` when the server refuses the mail for
// good, else `io`; `unsupported` for addresses that are not allowed.
Result<void> send_mail(const MailServer& server, const std::string& from, const std::vector<std::string>& to,
                       std::string_view message, const AddressGuard& guard, const std::string& ca_file,
                       TimeMs timeout);

}  // namespace picket::net
