import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands

/// The teacher, the student to start from, and the prompts.
struct ModelOptions: ParsableArguments {
    @Option(help: "The teacher: a diffusers folder or a safetensors file.") var teacher: String
    @Option(
        parsing: .upToNextOption,
        help: "Students of this teacher to start from, instead of the teacher itself; several are averaged.")
    var student: [String] = []
    @Option(help: "A tokenizer folder, for a teacher in a single file.") var tokenizer: String?
    @Option(help: "A text file with one prompt per line.") var prompts: String
    @Option(
        help: "Embeddings of all prompts and of \"\" that distill or text-to-image saved, instead of the text encoder."
    )
    var embeddings: String?
    @Option(help: "Where to save the embeddings of all prompts and of \"\".") var saveEmbeddings: String?

    /// Checks the files before the teacher is loaded.
    func check() throws {
        let read: [(String?, String)] = [
            (teacher, "--teacher"), (prompts, "--prompts"), (tokenizer, "--tokenizer"), (embeddings, "--embeddings"),
        ]
        for (path, option) in read { try checkInput(path.map { URL(filePath: $0) }, option) }
        for path in student { try checkInput(URL(filePath: path), "--student") }
        try checkOutput(file: saveEmbeddings.map { URL(filePath: $0) }, "--save-embeddings")
    }

    func loadTeacher() throws -> TextToImageModel {
        let files = try ModelFiles(contentsOf: URL(filePath: teacher))
        if files.oneStep != nil { throw ModelError.notMultiStepModel(path: teacher) }
        return try TextToImageModel(
            contentsOf: URL(filePath: teacher), tokenizer: tokenizer.map { URL(filePath: $0) })
    }

    /// The mean of the students to start from, nil for none.
    func start() throws -> TextToImageModel? {
        try .mean(of: student.map { try TextToImageModel(contentsOf: URL(filePath: $0)) })
    }

    /// The teacher, which keeps the embeddings of `texts` and of the empty prompt: saved ones or its own, which are saved if the options
    /// say so.
    func keepingEmbeddings(of texts: [String], _ model: TextToImageModel) throws -> TextToImageModel {
        for text in texts {
            guard let warning = model.textEncoder.truncationWarning(for: text) else { continue }
            StandardError.write(line: warning)
        }
        let saved = try embeddings.map { try PromptEmbeddings(contentsOf: URL(filePath: $0)) }
        if let saved { _ = try saved.rows(of: texts + [""]) }
        let model = try saved.map { try model.keeping($0) } ?? model.keepingEmbeddings(of: texts + [""])
        if let saveEmbeddings { try model.keptEmbeddings?.save(to: URL(filePath: saveEmbeddings)) }
        return model
    }
}
