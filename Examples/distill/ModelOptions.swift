import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands

/// The teacher, the student to start from, and the prompts.
struct ModelOptions: ParsableArguments {
    @Option(help: "The teacher: a diffusers folder or a safetensors file.") var teacher: URL
    @Option(
        parsing: .upToNextOption,
        help: "Students of this teacher to start from, instead of the teacher itself; several are averaged.")
    var student: [URL] = []
    @Option(help: "A tokenizer folder, for a teacher in a single file.") var tokenizer: URL?
    @Option(help: "A text file with one prompt per line.") var prompts: URL
    @Option(
        help: "Embeddings of all prompts and of \"\" that distill or text-to-image saved, instead of the text encoder."
    )
    var embeddings: URL?
    @Option(help: "Where to save the embeddings of all prompts and of \"\".") var saveEmbeddings: URL?

    /// Checks the files before the teacher is loaded.
    func check() throws {
        let read: [(URL?, String)] = [
            (teacher, "--teacher"), (prompts, "--prompts"), (tokenizer, "--tokenizer"), (embeddings, "--embeddings"),
        ]
        for (url, option) in read { try checkInput(url, option) }
        for url in student { try checkInput(url, "--student") }
        try checkOutput(file: saveEmbeddings, "--save-embeddings")
    }

    func loadTeacher() throws -> TextToImageModel {
        let files = try ModelFiles(contentsOf: teacher)
        if files.oneStep != nil { throw ModelError.notMultiStepModel(path: teacher.relativePath) }
        return try TextToImageModel(contentsOf: teacher, tokenizer: tokenizer)
    }

    /// The mean of the students to start from, nil for none.
    func start() throws -> TextToImageModel? {
        try .mean(of: student.map { try TextToImageModel(contentsOf: $0) })
    }

    /// The teacher, which keeps the embeddings of `texts` and of the empty prompt: saved ones or its own, which are saved if the options
    /// say so.
    func keepingEmbeddings(of texts: [String], _ model: TextToImageModel) throws -> TextToImageModel {
        for text in texts {
            guard let warning = model.textEncoder.truncationWarning(for: text) else { continue }
            StandardError.write(line: warning)
        }
        let saved = try embeddings.map(PromptEmbeddings.init(contentsOf:))
        if let saved { _ = try saved.rows(of: texts + [""]) }
        let model = try saved.map { try model.keeping($0) } ?? model.keepingEmbeddings(of: texts + [""])
        if let saveEmbeddings { try model.keptEmbeddings?.save(to: saveEmbeddings) }
        return model
    }
}
