// art export.
#include "lineage/exports.h"

#include "command.h"
#include "files.h"
#include "lineage/attestation.h"
#include "output.h"
#include "ref.h"

namespace artfs {

using Json = nlohmann::json;

void export_options(po::options_description& options) {
    options.add_options()("format", po::value<std::string>()->value_name("F"),
                          "openlineage, prov-json, in-toto, slsa, ro-crate or croissant")(
        "output,o", po::value<std::string>()->value_name("FILE"), "a file, else standard output")(
        "sign", po::value<std::string>()->value_name("KEY.pem"),
        "in-toto and slsa: in an envelope signed with the private key");
}

namespace {

Json signed_document(const Json& statement, const ExportFormat& format, const std::string& file) {
    if (std::string(format.name) != "in-toto" && std::string(format.name) != "slsa")
        throw Failure(exit_usage, "--sign is for --format in-toto and slsa");
    auto envelope = sign_statement(statement, text_of_file(file, "a private key"));
    if (!envelope) throw Failure(exit_usage, file + ": " + envelope.error().message);
    return *envelope;
}

}  // namespace

int run_export(const Arguments& arguments) {
    const ExportFormat* format = nullptr;
    std::string known;
    for (const auto& one : export_formats()) {
        if (arguments.text("format") == one.name) format = &one;
        known += (known.empty() ? "" : ", ") + std::string(one.name);
    }
    if (format == nullptr) throw Failure(exit_usage, "--format is one of " + known);
    if (arguments.has("output")) check_output(arguments.text("output"));
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    ExportSubject subject;
    if (names_run(reader.txn(), reader.project(), ref)) {
        if (format->needs_version)
            throw Failure(exit_usage, std::string(format->name) +
                                          " tells of a version's files: name one, like "
                                          "mnist-raw:v0");
        subject.runs.push_back(find_run(reader.txn(), reader.project(), ref.name));
    } else {
        subject.version = find_version(reader.txn(), reader.project(), ref);
        for (const auto& log : reader.txn().loggers_of(subject.version->id))
            if (auto run = reader.txn().run(log.run); run && log.kind == LogKind::logged)
                subject.runs.push_back(*run);
    }
    auto document = format->make(reader.reading(), subject);
    if (arguments.has("sign"))
        document = signed_document(document, *format, arguments.text("sign"));
    if (!arguments.has("output")) {
        show_json(document);
        return exit_done;
    }
    value_of(replace_file(arguments.text("output"), document.dump(2) + "\n"));
    return exit_done;
}

}  // namespace artfs
