// TensorBoard's event files, as its SummaryWriter and its many relatives write them: scalars,
// images and texts.
//
// A file is TFRecords (tensorflow/core/lib/io/record_writer): length, masked CRC-32C of those
// eight bytes, that many bytes, masked CRC-32C of those; numbers little-endian. Each holds an Event
// message (tensorflow/core/util/event.proto), of which these fields are read:
//
//   Event          2 step varint, 5 summary
//   Summary        1 value, repeated
//   Summary.Value  1 tag, 2 simple_value float, 4 image, 8 tensor, 9 metadata
//   Summary.Image  4 encoded_image_string
//   TensorProto    1 dtype varint, 4 tensor_content, 5 float_val, 6 double_val, 7 int_val,
//                  8 string_val, 10 int64_val
//   SummaryMetadata  1 plugin_data, of which 1 is the plugin's name
//
// A tensor of one number is a scalar too: TensorFlow 2 writes them so, and its images as strings:
// width, height, pictures. Strings of the plugin "text" are texts; which plugin a tag is of is said
// with its first value at least. Nothing that a file says of lengths is believed before it was
// compared with what is there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/metrics.h"

namespace artfs {

// Up to the end, or to the first record that is damaged or not whole: a killed program's last one.
std::map<std::string, Series> parse_event_file(std::string_view bytes);

struct EventMedia {
    enum class Kind : std::uint8_t { image, text };
    Kind kind = Kind::image;
    std::string tag;
    double step = 0;
    std::uint64_t offset = 0;  // in the file
    std::uint64_t length = 0;
};
// In the order of the file.
std::vector<EventMedia> media_in_event_file(std::string_view bytes);

// "png", "jpg", "gif" or "webp" by how a picture begins; "" for what is none.
std::string picture_format(std::string_view beginning);

// CRC-32C (Castagnoli), as iSCSI has it.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace artfs
