#if os(Linux)
    import Foundation
    import Tensor
    import Testing

    /// Checks how much of a mapped file is in memory, as Linux reports it for the process.
    @Suite("Mapped weights in memory")
    struct ResidentWeightsTests {
        @Test("A mapped tensor's pages leave memory with the last tensor that uses them, while the file stays open")
        func release() throws {
            let url = FileManager.default.temporaryDirectory.appending(path: "resident-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: url) }
            let weight = Tensor(repeating: 1, shape: [1024, 1024])
            try Safetensors.write([(name: "first", tensor: weight), (name: "second", tensor: weight)], to: url)
            let file = try SafetensorsFile(contentsOf: url)
            let second = try file.mappedTensor("second")
            #expect(second.sum() == 1_048_576)
            var first: Tensor? = try file.mappedTensor("first")
            #expect(first?.sum() == 1_048_576)
            let all = try Self.residentBytes(of: url)
            #expect(all >= 8_000_000)
            var part = first?.sliced(axis: 0, 0..<2)
            first = nil
            #expect(try Self.residentBytes(of: url) == all)
            #expect(part?.sum() == 2048)
            part = nil
            #expect(try Self.residentBytes(of: url) <= all - 4_000_000)
            #expect(second.sum() == 1_048_576)
        }

        /// The sum of `Rss` over the mappings of a file.
        static func residentBytes(of url: URL) throws -> Int {
            // Read to its end, because its reported size is zero.
            let text = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/smaps")).readToEnd() ?? Data()
            let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
            var (isFile, kilobytes) = (false, 0)
            for line in lines {
                let words = line.split(separator: " ")
                guard let field = words.first else { continue }
                if !field.hasSuffix(":") { isFile = line.hasSuffix(url.lastPathComponent) }
                if isFile, field == "Rss:" { kilobytes += Int(words[1]) ?? 0 }
            }
            return 1024 * kilobytes
        }
    }
#endif
