import Foundation
import Testing

@testable import Tensor

/// Writes into a temporary folder, which is removed at the end.
@Suite("DurableFile")
final class DurableFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "durable-\(UUID().uuidString)")
    private let files = FileManager.default

    init() throws { try files.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? files.removeItem(at: folder) }

    private func url(_ name: String) -> URL { folder.appending(path: name) }

    private func text(_ name: String) throws -> String { try String(contentsOf: url(name), encoding: .utf8) }

    @Test("DurableFile follows symbolic links: relative, absolute, chained, and to files that do not exist yet")
    func links() throws {
        try Data("old".utf8).write(to: url("target"))
        try files.createSymbolicLink(atPath: url("link").path, withDestinationPath: "target")
        try files.createSymbolicLink(atPath: url("second").path, withDestinationPath: url("link").path)
        try DurableFile.write(Data("new".utf8), to: url("second"))
        #expect(try text("target") == "new")
        #expect(try files.destinationOfSymbolicLink(atPath: url("link").path) == "target")
        #expect(try files.destinationOfSymbolicLink(atPath: url("second").path) == url("link").path)
        try files.createSymbolicLink(atPath: url("ahead").path, withDestinationPath: "later")
        try DurableFile.write(Data("there".utf8), to: url("ahead"))
        #expect(try text("later") == "there")
        #expect(try files.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".partial") } == [])
    }

    @Test("DurableFile keeps a file's permissions")
    func permissions() throws {
        try Data("old".utf8).write(to: url("private"))
        try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url("private").path)
        try DurableFile.write(Data("new".utf8), to: url("private"))
        #expect(try files.attributesOfItem(atPath: url("private").path)[.posixPermissions] as? Int == 0o600)
    }

    @Test("DurableFile refuses anything but writable plain files and leaves it unchanged")
    func refusals() throws {
        try files.createDirectory(at: url("folder"), withIntermediateDirectories: true)
        try Data("kept".utf8).write(to: url("protected"))
        try files.setAttributes([.posixPermissions: 0o444], ofItemAtPath: url("protected").path)
        #expect(mkfifo(url("pipe").path, 0o600) == 0)
        try files.createSymbolicLink(atPath: url("circle").path, withDestinationPath: "circle")
        try files.createSymbolicLink(atPath: url("null").path, withDestinationPath: "/dev/null")
        let refused: [(URL, String)] = [
            (url("folder"), "expected a file, found a folder"), (url("protected"), "the file is write-protected"),
            (url("pipe"), "expected a plain file, found a named pipe"), (url("circle"), "too many symbolic links"),
            (URL(filePath: "/dev/null"), "expected a plain file, found a device"),
            (url("null"), "expected a plain file, found a device"),
            (url("protected/inside"), "a part of the path is not a folder"),
            (url(String(repeating: "n", count: 300)), "the name is too long"),
        ]
        for (url, reason) in refused {
            let written = #expect(throws: FileError.self) { try DurableFile.write(Data("new".utf8), to: url) }
            let prepared = #expect(throws: FileError.self) { try DurableFile.prepare(url) }
            for error in [written, prepared] {
                #expect(error?.description.contains(reason) == true, "\(error?.description ?? url.path)")
            }
        }
        #expect(try text("protected") == "kept")
        #expect(throws: FileError.self) { try DurableFile.write(Data(), to: url("absent/file")) }
        #expect(try files.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".partial") } == [])
    }

    @Test("DurableFile keeps the old file and removes its temporary file when writing fails")
    func failure() throws {
        struct Stop: Error {}
        try Data("old".utf8).write(to: url("file"))
        #expect(throws: Stop.self) {
            try DurableFile.write(to: url("file")) { file in
                try file.write(contentsOf: Data("half".utf8))
                throw Stop()
            }
        }
        #expect(try text("file") == "old")
        #expect(try files.contentsOfDirectory(atPath: folder.path) == ["file"])
    }

    @Test("DurableFile accepts names of 255 bytes and creates missing folders")
    func names() throws {
        let long = String(repeating: "n", count: 255)
        try DurableFile.write(Data("x".utf8), to: url(long))
        #expect(try text(long) == "x")
        try DurableFile.prepare(url("a/b/file"))
        try DurableFile.write(Data("x".utf8), to: url("a/b/file"))
        #expect(try text("a/b/file") == "x")
        #expect(throws: FileError.self) { try DurableFile.prepareFolder(url(long)) }
    }

    @Test("FileContents reads files and pipes, does not wait for a pipe without a writer, and refuses devices")
    func reading() throws {
        try Data("text".utf8).write(to: url("file"))
        #expect(try FileContents.read(url("file")) == Data("text".utf8))
        #expect(mkfifo(url("pipe").path, 0o600) == 0)
        #expect(try FileContents.read(url("pipe")) == Data())
        for other in ["/dev/zero", folder.path, url("absent").path] {
            #expect(throws: FileError.self) { try FileContents.read(URL(filePath: other)) }
        }
        #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: url("pipe")) }
    }

    @Test("FileError describes errors of the system, Foundation and JSON in sentences")
    func sentences() throws {
        struct Settings: Codable { var rate: Double }
        func sentence(_ body: () throws -> Void) -> String {
            do { try body() } catch { return FileError.sentence(of: error) }
            return "no error"
        }
        let absent = url("absent").path
        #expect(sentence { _ = try Data(contentsOf: url("absent")) } == "\(absent): there is no such file or folder")
        #expect(
            sentence { _ = try files.contentsOfDirectory(atPath: absent) }.hasSuffix("there is no such file or folder"))
        #expect(sentence { try Data().write(to: folder) }.hasPrefix(folder.path))
        #expect(
            sentence { _ = try JSONDecoder().decode(Settings.self, from: Data(#"{"rate":"x"}"#.utf8)) }
                == "field \"rate\" is not of the type Double")
        #expect(
            sentence { _ = try JSONDecoder().decode(Settings.self, from: Data("{}".utf8)) }
                == "field \"rate\" is missing")
        #expect(
            sentence { try DurableFile.writeJSON(Settings(rate: .nan), to: url("settings")) }
                == "\(url("settings").path): cannot be written: field \"rate\" cannot be written as JSON: nan")
        #expect(sentence { throw POSIXError(.ENOSPC) } == "no space is left on the disk")
    }

    @Test("Safetensors.write refuses non-finite and overflowing numbers and keeps the old file")
    func nonFinite() throws {
        let file = url("weights.safetensors")
        try Safetensors.write([("weight", Tensor([1, 2], shape: [2]))], to: file)
        let older = try Data(contentsOf: file)
        func expect(_ numbers: [Float], _ type: ScalarType, count: Int, isOverflow: Bool) {
            let error = SafetensorsError.nonFinite(
                path: file.path, name: "weight", count: count, storedAs: type, isOverflow: isOverflow)
            #expect(throws: error) {
                try Safetensors.write([("weight", Tensor(numbers, shape: [numbers.count]))], scalarType: type, to: file)
            }
        }
        expect([1, 70_000, -66_000], .float16, count: 2, isOverflow: true)
        expect([1, 3.4e38], .bfloat16, count: 1, isOverflow: true)
        expect([1, .infinity], .float16, count: 1, isOverflow: false)
        expect([.nan, 1], .float32, count: 1, isOverflow: false)
        #expect(try Data(contentsOf: file) == older)
        try Safetensors.write([("weight", Tensor([70_000], shape: [1]))], scalarType: .bfloat16, to: file)
    }
}
