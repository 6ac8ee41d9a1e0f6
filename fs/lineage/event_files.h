// TensorBoard's event files, as its SummaryWriter and its many relatives write them: the scalars.
//
// A file is TFRecords (tensorflow/core/lib/io/record_writer): length, masked CRC-32C of those
// eight bytes, that many bytes, masked CRC-32C of those; numbers little-endian. Each holds an Event
// message (tensorflow/core/util/event.proto), of which these fields are read:
//
//   Event          2 step varint, 5 summary
//   Summary        1 value, repeated
//   Summary.Value  1 tag, 2 simple_value float, 8 tensor
//   TensorProto    1 dtype varint, 4 tensor_content, 5 float_val, 6 double_val, 7 int_val,
//                  10 int64_val
//
// A tensor of one number is a scalar too: TensorFlow 2 writes them so. Nothing that a file says of
// lengths is believed before it was compared with what is there.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lineage/metrics.h"

namespace artfs {

// Up to the end, or to the first record that is damaged or not whole: a killed program's last one.
std::map<std::string, Series> parse_event_file(std::string_view bytes);

// CRC-32C (Castagnoli), as iSCSI has it.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace artfs
