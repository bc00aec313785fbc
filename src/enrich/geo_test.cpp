#include "enrich/geo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "enrich/testdata/mmdb_writer.h"

namespace picket {
namespace {

using testdata::MmdbWriter;
using testing::HasSubstr;
using Map = MmdbWriter::Map;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

Map city(const std::string& code, const std::string& country, const std::string& name, double latitude,
         double longitude) {
  return {{"city", {Map{{"names", {Map{{"en", {name}}}}}}}},
          {"country", {Map{{"iso_code", {code}}, {"names", {Map{{"de", {"x"}}, {"en", {country}}}}}}}},
          {"location", {Map{{"latitude", {latitude}}, {"longitude", {longitude}}}}}};
}

struct GeoTest : testing::Test {
  std::string folder = testing::TempDir() + "picket_geo_" + std::to_string(::getpid());
  GeoTest() { std::filesystem::create_directories(folder); }
  ~GeoTest() override { std::filesystem::remove_all(folder); }
  std::string save(const std::string& name, const MmdbWriter& writer) {
    writer.save(folder + "/" + name);
    return folder + "/" + name;
  }
  std::string save_city() {
    MmdbWriter writer("GeoLite2-City");
    writer.add("192.0.2.0/25", city("FR", "France", "Paris", 48.85, 2.35));
    writer.add("192.0.2.128/25", city("JP", "Japan", "Tokyo", 35.68, 139.69));
    writer.add("203.0.113.7/32", city("FR", "France", "Paris", 48.85, 2.35));
    writer.add("2001:db8::/32", city("DE", "Germany", "Berlin", 52.52, 13.4));
    return save("city.mmdb", writer);
  }
  std::string save_asn() {
    MmdbWriter writer("GeoLite2-ASN", 4);
    writer.add("192.0.2.0/24",
               {{"autonomous_system_number", {64496U}}, {"autonomous_system_organization", {"Example Net"}}});
    return save("asn.mmdb", writer);
  }
};

TEST_F(GeoTest, WithoutFilesNothingIsKnown) {
  const auto table = GeoTable::load({});
  ASSERT_TRUE(table.has_value());
  EXPECT_TRUE((*table)->find(ip("192.0.2.1")).empty());
}

TEST_F(GeoTest, CityAndAsnFilesAreMerged) {
  const auto table = GeoTable::load(std::vector{save_city(), save_asn()});
  ASSERT_TRUE(table.has_value()) << table.error().message();
  const GeoInfo paris = (*table)->find(ip("192.0.2.127"));
  EXPECT_EQ(paris.country_code, "FR");
  EXPECT_EQ(paris.country_name, "France");
  EXPECT_EQ(paris.city, "Paris");
  EXPECT_EQ(paris.latitude, 48.85);
  EXPECT_EQ(paris.longitude, 2.35);
  EXPECT_EQ(paris.asn, 64496U);
  EXPECT_EQ(paris.as_org, "Example Net");
  EXPECT_EQ(paris.isp, "");
  EXPECT_EQ((*table)->find(ip("192.0.2.128")).city, "Tokyo");
  EXPECT_EQ((*table)->find(ip("192.0.2.255")).city, "Tokyo");
  EXPECT_TRUE((*table)->find(ip("192.0.3.0")).empty());
  EXPECT_TRUE((*table)->find(ip("192.0.1.255")).empty());
  EXPECT_EQ((*table)->find(ip("203.0.113.7")).city, "Paris");
  EXPECT_EQ((*table)->find(ip("203.0.113.7")).asn, 0U);
  EXPECT_EQ((*table)->find(ip("2001:db8:ffff::1")).city, "Berlin");
  EXPECT_TRUE((*table)->find(ip("2001:db9::")).empty());
  ASSERT_EQ((*table)->files().size(), 2U);
  EXPECT_EQ((*table)->files()[0].type, "GeoLite2-City");
  EXPECT_EQ((*table)->files()[0].build_epoch, 1700000000U);
  EXPECT_EQ((*table)->files()[0].values, 3U);
}

TEST_F(GeoTest, TheFirstFileWins) {
  MmdbWriter other("Other-Country");
  other.add("192.0.2.0/24", {{"country_code", {"US"}}});
  other.add("198.51.100.0/24", {{"country_code", {"US"}}});
  const auto table = GeoTable::load(std::vector{save_city(), save("other.mmdb", other)});
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ((*table)->find(ip("192.0.2.1")).country_code, "FR");
  EXPECT_EQ((*table)->find(ip("198.51.100.1")).country_code, "US");
  EXPECT_EQ((*table)->find(ip("198.51.100.1")).country_name, "United States");
}

TEST_F(GeoTest, FlatRecordsOfOtherMakersAreRead) {
  MmdbWriter writer("ipinfo lite");
  writer.add("192.0.2.0/24", {{"country", {"Canada"}},
                              {"country_code", {"CA"}},
                              {"city", {"Oslo"}},
                              {"lat", {"45.5"}},
                              {"lng", {"-73.5"}},
                              {"asn", {"AS64500"}},
                              {"as_name", {"Example"}},
                              {"isp", {"Some ISP"}}});
  const auto table = GeoTable::load(std::vector{save("flat.mmdb", writer)});
  ASSERT_TRUE(table.has_value());
  const GeoInfo info = (*table)->find(ip("192.0.2.1"));
  EXPECT_EQ(info.country_code, "CA");
  EXPECT_EQ(info.country_name, "Canada");
  EXPECT_EQ(info.city, "Oslo");
  EXPECT_EQ(info.latitude, 45.5);
  EXPECT_EQ(info.longitude, -73.5);
  EXPECT_EQ(info.asn, 64500U);
  EXPECT_EQ(info.as_org, "Example");
  EXPECT_EQ(info.isp, "Some ISP");
}

TEST_F(GeoTest, ErrorsNameTheFile) {
  const auto missing = GeoTable::load(std::vector<std::string>{"/nonexistent/city.mmdb"});
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().where, "/nonexistent/city.mmdb");
  std::ofstream(folder + "/text.mmdb") << "not a database";
  const auto text = GeoTable::load(std::vector{folder + "/text.mmdb"});
  ASSERT_FALSE(text.has_value());
  EXPECT_THAT(text.error().what, HasSubstr("cannot be read as a MaxMind DB"));
}

TEST_F(GeoTest, ATreeThatRunsInCirclesIsAnError) {
  MmdbWriter writer("GeoLite2-City", 4);
  writer.add("192.0.2.0/24", city("FR", "France", "Paris", 48.85, 2.35));
  writer.link(0, 0, 0);
  const auto table = GeoTable::load(std::vector{save("circle.mmdb", writer)});
  ASSERT_FALSE(table.has_value());
  EXPECT_THAT(table.error().message(),
              HasSubstr("circle.mmdb: cannot be read as a MaxMind DB: its search tree is damaged"));
}

}  // namespace
}  // namespace picket
