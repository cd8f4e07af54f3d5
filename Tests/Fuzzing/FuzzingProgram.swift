import Foundation

/// The program behind `Scripts/fuzz`. Its arguments: `list`; `seeds READER FOLDER`, which writes the seed inputs to a folder; `read
/// READER FILE…`, which reads each file once and prints the error that the reader throws; `run READER SECONDS EXECUTIONS SEED CURRENT`,
/// the seeded mutator; and, in a build with libFuzzer, `libfuzzer READER OPTION…`.
@main
enum FuzzingProgram {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "list" where arguments.count == 1: FuzzedReader.all.forEach { print($0.name) }
        case "seeds" where arguments.count == 3:
            let folder = URL(filePath: arguments[2])
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for (index, seed) in try reader(arguments[1]).seeds().enumerated() {
                try seed.write(to: folder.appending(path: "seed-\(index)"))
            }
        case "read" where arguments.count >= 3:
            let reader = Self.reader(arguments[1])
            try FuzzedReader.withFolder { folder in
                let body = try reader.prepare(folder)
                for path in arguments.dropFirst(2) {
                    do {
                        try body(Data(contentsOf: URL(filePath: path)))
                        print("\(path): read")
                    } catch { print("\(path): \(error)") }
                }
            }
        case "run" where arguments.count == 6:
            guard let seconds = Double(arguments[2]), let executions = Int(arguments[3]),
                let seed = UInt64(arguments[4])
            else {
                fail("expected numbers, found \(arguments[2...4].joined(separator: " "))")
            }
            let current = URL(filePath: arguments[5])
            try SeededFuzzing(
                reader: reader(arguments[1]), seconds: seconds, executions: executions, seed: seed, current: current
            ).run()
        #if LIBFUZZER
            case "libfuzzer" where arguments.count >= 2:
                exit(try LibFuzzing.run(reader(arguments[1]), arguments: Array(arguments.dropFirst(2))))
        #endif
        default: fail("expected list, seeds, read or run with their arguments; see Scripts/fuzz")
        }
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("SwiftBrushFuzzing: \(message)\n".utf8))
        exit(64)
    }

    private static func reader(_ name: String) -> FuzzedReader {
        guard let reader = FuzzedReader.all.first(where: { $0.name == name }) else {
            fail("expected one of \(FuzzedReader.all.map(\.name).joined(separator: ", ")), found \"\(name)\"")
        }
        return reader
    }
}
