import CSwiftBrushLibZip
import Foundation
import Tensor

/// A zip archive, read and written by libzip.
struct ZipArchive {
    private let path: String
    private let archive: Archive
    private let indices: [String: UInt64]

    /// Opens an archive. Throws ``EvaluationError`` for a file that is not a zip archive or is damaged.
    init(contentsOf url: URL) throws {
        path = url.path
        // libzip would block on a pipe and read from a device endlessly.
        let file = url.resolvingSymlinksInPath()
        let type = (try? FileManager.default.attributesOfItem(atPath: file.path))?[.type] as? FileAttributeType
        guard type == .typeRegular else {
            throw EvaluationError.unreadable(
                path: path, reason: type == nil ? "there is no such file" : "it is not a file")
        }
        var status: Int32 = 0
        guard let handle = zip_open(file.path, ZIP_RDONLY | ZIP_CHECKCONS, &status) else {
            throw EvaluationError.unreadable(path: path, reason: Self.text(of: status))
        }
        archive = Archive(handle)
        var indices: [String: UInt64] = [:]
        for index in 0..<UInt64(max(0, zip_get_num_entries(handle, 0))) {
            guard let name = zip_get_name(handle, index, 0) else {
                throw EvaluationError.unreadable(path: path, reason: String(cString: zip_strerror(handle)))
            }
            indices[String(cString: name)] = index
        }
        self.indices = indices
    }

    /// The names of the members, sorted.
    var names: [String] { indices.keys.sorted() }

    /// A member's contents; nil if there is no member of that name.
    ///
    /// Throws ``EvaluationError`` for a member that is damaged or has more than `limit` bytes.
    func contents(of name: String, limit: Int) throws -> Data? {
        guard let index = indices[name] else { return nil }
        func unreadable(_ reason: String) -> EvaluationError { .unreadable(path: path, reason: "\(name) \(reason)") }
        var entry = zip_stat_t()
        guard zip_stat_index(archive.handle, index, 0, &entry) == 0,
            let file = zip_fopen_index(archive.handle, index, 0)
        else { throw unreadable(String(cString: zip_strerror(archive.handle))) }
        defer { zip_fclose(file) }
        // Deflate compresses by at most 1,032 : 1; a larger size is damage and would allocate far too much memory.
        guard entry.size / 1032 <= entry.comp_size else { throw unreadable("has an impossible size") }
        guard entry.size <= UInt64(limit) else {
            throw unreadable("has \(entry.size) bytes; expected at most \(limit)")
        }
        var data = Data(count: Int(entry.size))
        let count = data.withUnsafeMutableBytes { zip_fread(file, $0.baseAddress, UInt64($0.count)) }
        // libzip compares the checksum only when a read reaches the end, which takes one more byte.
        var further: UInt8 = 0
        guard count == data.count, zip_fread(file, &further, 1) == 0 else { throw unreadable("is damaged") }
        return data
    }

    /// Writes an archive of uncompressed members, as numpy's `savez` does, atomically. Throws ``EvaluationError`` with libzip's
    /// reason, and `FileError`.
    static func write(_ members: [(name: String, contents: Data)], to url: URL) throws {
        try DurableFile.replace(url) { try fill($0, with: members, for: url) }
    }

    /// Writes the archive over an empty temporary file that will be moved to `url`.
    private static func fill(_ file: URL, with members: [(name: String, contents: Data)], for url: URL) throws {
        var status: Int32 = 0
        guard let archive = zip_open(file.path, ZIP_CREATE | ZIP_TRUNCATE, &status) else {
            throw EvaluationError.unwritable(path: url.path, reason: text(of: status))
        }
        var isComplete = false
        defer { if !isComplete { zip_discard(archive) } }
        // libzip reads the members when the archive is closed.
        let copies = members.map { member in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: member.contents.count, alignment: 1)
            member.contents.copyBytes(to: copy)
            return (name: member.name, bytes: copy)
        }
        defer { copies.forEach { $0.bytes.deallocate() } }
        for copy in copies {
            let source = zip_source_buffer(archive, copy.bytes.baseAddress, UInt64(copy.bytes.count), 0)
            let index = zip_file_add(archive, copy.name, source, UInt32(ZIP_FL_ENC_UTF_8))
            guard index >= 0, zip_set_file_compression(archive, UInt64(index), ZIP_CM_STORE, 0) == 0 else {
                if index < 0 { zip_source_free(source) }
                throw EvaluationError.unwritable(path: url.path, reason: String(cString: zip_strerror(archive)))
            }
        }
        guard zip_close(archive) == 0 else {
            throw EvaluationError.unwritable(path: url.path, reason: String(cString: zip_strerror(archive)))
        }
        isComplete = true
    }

    private static func text(of status: Int32) -> String {
        var error = zip_error_t()
        zip_error_init_with_code(&error, status)
        defer { zip_error_fini(&error) }
        return String(cString: zip_error_strerror(&error))
    }
}

/// An open archive, closed when its last owner is released.
private final class Archive {
    let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { zip_discard(handle) }
}
