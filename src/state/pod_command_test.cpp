#include "state/pod_command.h"

#include <gtest/gtest.h>

#include <string>

namespace picket {
namespace {

constexpr std::string_view pod = "/api/v1/namespaces/shop/pods/web-1/exec";

TEST(PodCommand, reads_credentials) {
  for (const char* command :
       {"?command=cat&command=%2Fvar%2Frun%2Fsecrets%2Fkubernetes.io%2Fserviceaccount%2Ftoken",
        "?command=cat&command=/var/run/secrets/eks.amazonaws.com/serviceaccount/token&container=web",
        "?command=sh&command=-c&command=curl+http%3A%2F%2F169.254.169.254%2Flatest&stdin=true",
        "?command=curl&command=http%3a%2f%2f169.254.170.23%2fv1%2fcredentials",
        "?command=tar&command=c&command=%2Froot%2F.aws%2Fcredentials"})
    EXPECT_TRUE(takes_credentials(std::string(pod) + command)) << command;
}

TEST(PodCommand, works_or_does_not_tell) {
  for (const char* command :
       {"", "?", "?command=sh&stdin=true&tty=true", "?command=cat&command=%2Fvar%2Flog%2Fapp.log",
        "?command=ls&command=%2Fvar%2Frun%2Fsecrets", "?command=env", "?command=%2", "?command=%2F"})
    EXPECT_FALSE(takes_credentials(std::string(pod) + command)) << command;
  // A pod may have any name.
  EXPECT_FALSE(takes_credentials("/api/v1/namespaces/a/pods/serviceaccount/token?command=sh"));
}

}  // namespace
}  // namespace picket
