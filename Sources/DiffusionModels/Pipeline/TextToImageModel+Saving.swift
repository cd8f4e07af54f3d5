import Autograd
import Foundation
import Tensor

extension TextToImageModel {
    /// Writes a folder that this library and, unless it has 8-bit integers, diffusers load.
    ///
    /// All files are first written under temporary names: if that fails, because the disk is full or a weight is not finite or does not fit
    /// the type, an older model in the folder remains intact. Then existing files of the same names are replaced, each atomically;
    /// `model_index.json` is removed before that and written last, so that an incomplete folder is not mistaken for a model.
    /// A folder with files that do not belong to a model is not changed.
    ///
    /// - Parameters:
    ///   - url: the folder, created if it does not exist.
    ///   - scalarType: the type in which weights are stored: Float32, Float16 or BFloat16; or `.int8` for 8-bit integers as
    ///     ``WeightType/int8`` describes.
    ///
    /// Throws ``ModelError`` for a model without an autoencoder, a network or text encoder that cannot be stored, and a folder with other
    /// files; `FileError`, and `SafetensorsError` with the name of a tensor that cannot be stored.
    public func save(to url: URL, scalarType: ScalarType = .float32) throws {
        let folder = try StoredModel(self)
        try Self.checkFolder(url)
        try DurableFile.prepareFolder(url)
        try Self.removeRemains(in: url)
        let stage = url.appending(path: ".\(UUID().uuidString)\(Self.stageSuffix)")
        defer { try? FileManager.default.removeItem(at: stage) }
        let names = try folder.write(to: stage, scalarType)
        let index = url.appending(path: DiffusersFolder.indexName)
        try removeIfPresent(index)
        for part in ModelFiles.Part.allCases where names.contains(where: { $0.hasPrefix("\(part.rawValue)/") }) {
            let folder = url.appending(path: part.rawValue)
            try DurableFile.makeFolder(folder)
            try removeIfPresent(folder.appending(path: "\(part.stem).safetensors.index.json"))
        }
        if oneStep == nil { try removeIfPresent(url.appending(path: OneStepConfiguration.fileName)) }
        for name in names { try DurableFile.move(stage.appending(path: name), to: url.appending(path: name)) }
        try DurableFile.move(stage.appending(path: DiffusersFolder.indexName), to: index)
    }

    /// Throws ``ModelError`` for a folder with other contents, such as images.
    private static func checkFolder(_ url: URL) throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        let own =
            ModelFiles.Part.allCases.map(\.rawValue) + [
                DiffusersFolder.indexName, OneStepConfiguration.fileName, "sheet.png",
            ]
        let others = names.filter { !own.contains($0) && !$0.hasPrefix(".") }.sorted()
        guard others.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "TextToImageModel.save", argument: "folder \(url.path)",
                expected: "a new or empty folder, or a model's folder", found: others.prefix(3).joined(separator: ", "))
        }
    }

    private static let stageSuffix = ".model.partial"

    /// Removes the temporary files of an interrupted save.
    private static func removeRemains(in folder: URL) throws {
        try FileError.attempt(.writing, folder.path) {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
            where name.hasPrefix(".") && name.hasSuffix(stageSuffix) {
                try FileManager.default.removeItem(at: folder.appending(path: name))
            }
        }
    }

    private func removeIfPresent(_ file: URL) throws {
        guard FileManager.default.fileExists(atPath: file.path) else { return }
        try FileError.attempt(.writing, file.path) { try FileManager.default.removeItem(at: file) }
    }
}
