"""The team's workflows as LangGraph graphs: small plain state, text by reference, a checkpoint a step."""
